/**
 * The loop that turns a source into batches: one RPC after another, through the copy, reconnects and changes of the plan. Layer 3.
 * Decisions live elsewhere (grammar, assembler, copy/steps, supervise); this executes them.
 */
import { VStreamError } from '../errors.js';
import { delay } from '../internal/clock.js';
import type { Position } from '../position/position.js';
import { changePlan, type PlanChange, restartCopies, startWithoutCopy, stepOver, withPlan } from '../copy/changes.js';
import { open } from '../copy/opened.js';
import { wholeInsteadOfRanges } from '../copy/ranges.js';
import { nextTable } from '../copy/steps.js';
import type { TableRef } from '../schema/table.js';
import { VersionRegistry } from '../schema/versions.js';
import { Assembler } from './assembler.js';
import { batchLimits } from './batch-limits.js';
import type { StreamBatch } from './batch.js';
import { CopyStart } from './copy-start.js';
import { Delivery } from './delivery.js';
import { StreamCatalog } from './catalog.js';
import type { EngineOptions } from './engine-options.js';
import { firstPosition } from './first-position.js';
import type { Unit } from './grouper.js';
import { Intake } from './intake.js';
import { prepareRpc } from './prepare-rpc.js';
import { proven } from './proof.js';
import { MessageReader } from './reader.js';
import { recopyShards } from './recopy.js';
import { isUnusable, Recovery, streamEnded } from './recovery.js';
import { Resolving } from './resolving.js';
import { askedShards, waitingKeyspaces } from './request.js';
import { SmallTables } from './small-tables.js';
import { reachedStop } from './stop.js';
import { tabletKind } from './preflight.js';
import { Gaps } from './gaps.js';
import { TablePresence } from './table-presence.js';
import { UndecodableSteps } from './undecodable.js';
import { RpcWatch } from './rpc-watch.js';
import type { Watch } from './watch.js';

/** How long a read waits before the loop looks at clocks and verdicts. */
const LOOK_MS = 500;

type RpcEnd = 'next' | 'stop';

export class Engine {
  readonly #options: EngineOptions;
  readonly catalog: StreamCatalog;
  readonly #assembler: Assembler;
  readonly #delivery: Delivery;
  readonly #abort: AbortSignal;
  #changes: { readonly change: PlanChange; readonly applied: (() => void) | undefined }[] = [];
  #resolving: Resolving | undefined;
  #unusable: readonly VStreamError[] = [];
  readonly #watches: RpcWatch;
  readonly #presence: TablePresence;
  readonly #intake: Intake;
  /** Look at the position by SQL with the next RPC: it was stored, or nothing came from it. */
  #suspicious: boolean;
  readonly #startedAt: number;
  /** Shards are not in the request under way, and wait. */
  #leavesOut = false;
  /** Keyspaces of which it was said that they wait. */
  readonly #told = new Set<string>();
  readonly #undecodable: UndecodableSteps;
  readonly #recovery: Recovery;
  readonly #small: SmallTables;
  /** What was left out by policy; laid over every position handed out. */
  readonly gaps: Gaps;

  constructor(options: EngineOptions, abort: AbortSignal) {
    this.#options = options;
    this.#abort = abort;
    this.#watches = new RpcWatch(options, () => this.catalog.tables);
    const position = firstPosition(options);
    this.catalog = new StreamCatalog(options.source.tables, options.stream, new VersionRegistry(), options.source.rowImages);
    this.#assembler = new Assembler(position, {
      ...batchLimits(options.stream.limits, options.eager),
      keepsUnjudged: options.screened,
      positionApart: options.positionApart,
    });
    this.catalog.setPlan(position.plan);
    this.#suspicious = options.stored !== undefined || options.stream.from.kind === 'position';
    this.#startedAt = options.clock.monotonic();
    const { transport, source, logger, clock } = options;
    this.#undecodable = new UndecodableSteps({
      policy: options.onUndecodable,
      transport,
      tabletKind: tabletKind(source.tabletType),
      logger,
      signal: abort,
    });
    const given = options.stream.source.tabletType !== undefined;
    this.#presence = new TablePresence({ clock, logger, executor: transport, tabletType: source.tabletType, tabletTypeGiven: given });
    const endsByAge = options.stream.source.flags.maxStreamAgeSeconds > 0;
    this.#recovery = new Recovery({ clock, backoff: options.backoff, presence: this.#presence, endsByAge });
    this.gaps = new Gaps(position);
    const { recorder, progressMs, eager, screened } = options;
    this.#delivery = new Delivery(this.#assembler, this.gaps, { clock, recorder, logger, progressMs, decodes: eager && !screened });
    const { catalog } = this;
    this.#intake = new Intake({ ...options, catalog, assembler: this.#assembler, delivery: this.#delivery, presence: this.#presence });
    this.#small = new SmallTables({
      ...options,
      catalog,
      assembler: this.#assembler,
      delivery: this.#delivery,
      watch: this.#watches,
      limits: batchLimits(options.stream.limits, eager),
      signal: abort,
      tabletType: () => this.#presence.tabletType,
    });
  }

  get position(): Position {
    return this.#assembler.position;
  }

  /** Takes effect between two batches; `applied` is called before the first batch that knows of it. */
  change(change: PlanChange, applied?: () => void): void {
    this.#changes.push({ change, applied });
  }

  /** Batches until the stop point, an abort (what is complete is still handed out), or an error that retrying does not mend. */
  async *batches(): AsyncGenerator<StreamBatch, void, void> {
    const { recorder, logger, clock } = this.#options;
    for (;;) {
      if (this.#abort.aborted) return;
      try {
        const end = yield* this.#rpc();
        if (end === 'stop') return;
      } catch (error) {
        if (this.#abort.aborted && !this.#delivery.withheld) return yield* this.#delivery.handOut(this.#assembler.flush());
        const tools = { transport: this.#options.transport, tabletKind: tabletKind(this.#presence.tabletType), signal: this.#abort };
        const failure = await proven(VStreamError.from(error, 'INTERNAL'), this.#assembler.position, tools);
        // What comes after a batch that could not be handed out would carry a position beyond it.
        if (this.#delivery.withheld) {
          recorder.lastError = failure.toJSON();
          throw failure;
        }
        // The position goes along, or transactions without rows before the failure would count as progress after every reconnect.
        yield* this.#resolving ? this.#delivery.handOut(this.#assembler.flush()) : this.#delivery.everything();
        recorder.lastError = failure.toJSON();
        if (this.#recopyInstead(failure)) continue;
        if (failure.code === 'TRANSACTION_UNDECODABLE' && (yield* this.#stepOver(failure))) continue;
        const step = this.#recovery.failed(failure, this.#assembler.position);
        if (step.kind === 'give-up') throw step.error;
        recorder.state = 'reconnecting';
        const level = step.said ? 'debug' : 'warn';
        logger[level]({ ...failure.toJSON(), waitMs: Math.round(step.ms) }, 'the stream was interrupted; reconnecting');
        await delay(clock, step.ms, this.#abort).catch(() => {});
        if (this.#abort.aborted) return;
        if (step.move) this.#options.transport.rotate();
        this.#suspicious = true;
      }
    }
  }

  async *#rpc(): AsyncGenerator<StreamBatch, RpcEnd, void> {
    const { stream, transport, clock, recorder, logger } = this.#options;
    const assembler = this.#assembler;
    assembler.rewind();
    // Neither can a table be copied from `current`, nor may a position say it.
    if (!Resolving.of(assembler.position, 0)) yield* this.#applyChanges();
    assembler.replace(wholeInsteadOfRanges(restartCopies(assembler.position, (table, lastPk) => this.catalog.restartOf(table, lastPk))));
    this.#resolving = Resolving.of(assembler.position, stream.limits.transactionBytes);
    // First of all: a copy may leave out the keyspace that waits for it.
    const copying = this.#resolving ? undefined : nextTable(assembler.plan);
    if (copying && this.#options.positionApart) this.#open(copying);
    assembler.setCopying(copying);
    this.catalog.setPlan(assembler.plan, copying);
    if (copying) await this.#presence.check(copying, this.#abort);
    const position = assembler.position;
    recorder.source = transport.address;
    const state = copying || !assembler.copied ? 'copying' : 'streaming';
    // A VTGate that is away may let a try hang for long: it is back with its first word.
    if (recorder.state !== 'reconnecting') recorder.state = state;
    if (this.#resolving) logger.debug({ shards: this.#resolving.waiting }, 'waiting for the first position');
    else if (copying) {
      yield* this.#delivery.tableStart(copying);
      yield* this.#delivery.position();
    } else if (assembler.copied) yield* this.#delivery.copyCompleted();
    const stopAt = (): boolean => reachedStop(this.#options.stop, assembler, clock.monotonic() - this.#startedAt);
    if (stopAt()) {
      yield* this.#delivery.everything();
      return 'stop';
    }
    if (copying && !this.#suspicious && this.#small.suits(copying)) {
      yield* this.#small.copy(copying);
      return 'next';
    }
    const { grouper, request } = prepareRpc({ assembler, catalog: this.catalog, stream, copying, tabletType: this.#presence.tabletType });
    logger.debug({ vtgate: transport.address, table: copying?.table, shards: position.shards.length }, 'opening the stream');
    const rpc = new AbortController();
    const reader = new MessageReader(transport.open(request, { signal: AbortSignal.any([rpc.signal, this.#abort]) }), clock);
    this.#intake.begin(position.shards, grouper);
    const start = new CopyStart(position, copying);
    const watch = this.#watch(position, copying);
    this.#delivery.watching = watch;
    const openedAt = clock.monotonic();
    try {
      for (;;) {
        const result = await reader.next(assembler.hasChanges ? 0 : LOOK_MS);
        if (result.kind === 'end') throw streamEnded(transport.address);
        if (result.kind === 'message') {
          watch.message();
          if (recorder.state === 'reconnecting') recorder.state = state;
          for (const unit of grouper.push(result.message)) {
            start.check(unit, grouper.keyspaceHeartbeats);
            watch.progress(unit.keyspace, unit.shard, unit.kind === 'group' && unit.part?.last === false);
            yield* this.#resolving ? this.#resolve(unit, this.#resolving) : this.#intake.take(unit);
            if (unit.vgtid !== undefined && this.#recovery.movedOn(unit.keyspace, unit.shard)) this.#recovery.over();
          }
          if (grouper.keyspaceHeartbeats.size > 0) {
            watch.tabletHeartbeats(grouper.keyspaceHeartbeats.keys());
            grouper.keyspaceHeartbeats.clear();
          }
        } else if (assembler.hasChanges) {
          yield* this.#delivery.handOut(assembler.flush());
        }
        const stall = watch.judge();
        if (stall) throw stall;
        if (this.#recovery.open) this.#recovery.lives(watch.caughtUp, clock.monotonic() - openedAt);
        if (this.#resolving) continue;
        yield* this.#delivery.progressIfDue();
        if (stopAt() || this.#abort.aborted) {
          yield* this.#delivery.everything();
          yield* this.#applyChanges();
          return 'stop';
        }
        if (this.#changes.length > 0 || this.#intake.requestIsOld || this.#copyMovedOn(copying)) {
          yield* this.#delivery.handOut(assembler.flush());
          return 'next';
        }
      }
    } finally {
      this.#unusable = watch.unusable();
      watch.close();
      this.#delivery.watching = undefined;
      this.#small.streamed();
      rpc.abort();
      await reader.close();
    }
  }

  /** Said before the first row. */
  #open(table: TableRef): void {
    const { position } = this.#assembler;
    const small = this.#small.suits(table) ? (one: TableRef): boolean => this.#small.suits(one) : undefined;
    const plan = open(position.plan, table, small);
    if (plan !== position.plan) this.#assembler.replace(position.with({ plan }));
  }

  #watch(position: Position, table: TableRef | undefined): Watch {
    const assembler = this.#assembler;
    // A shard that is done with the table sends its changes, whatever is to be copied later.
    const copying = (keyspace: string, shard: string): boolean =>
      keyspace === table?.keyspace && assembler.plan.shard(keyspace, table.table, shard)?.state !== 'done';
    const gtid = (keyspace: string, shard: string): string => assembler.gtid(keyspace, shard);
    const asked = { position, copying: table, tables: this.catalog.tables };
    const shards = askedShards(asked);
    this.#leavesOut = shards.length < position.shards.length;
    for (const keyspace of waitingKeyspaces(asked)) this.#sayThatWaits(keyspace, table);
    const watch = this.#watches.open({ shards, copying, gtid }, this.#presence.tabletType);
    // A position that was stored, or that an earlier RPC could not move from, is looked at by SQL beside the stream.
    if (this.#suspicious) watch.probe(shards);
    this.#suspicious = false;
    return watch;
  }

  #sayThatWaits(keyspace: string, copied: TableRef | undefined): void {
    if (!copied || this.#told.has(keyspace)) return;
    this.#told.add(keyspace);
    this.#options.logger.warn(
      { keyspace },
      `keyspace ${keyspace} has tables with columns or where: it waits at its position until the copies of ${copied.keyspace} are done`,
    );
  }

  #recopyInstead(failure: VStreamError): boolean {
    if (this.#options.onPurged !== 'recopy' || !isUnusable(failure)) return false;
    const { gaps, catalog } = this;
    const tools = { assembler: this.#assembler, catalog, gaps, logger: this.#options.logger };
    if (!recopyShards(new Set([failure, ...this.#unusable]), tools)) return false;
    this.#delivery.copyOwed();
    this.#suspicious = true;
    return true;
  }

  /** A transaction the server cannot decode. True: it is behind the position now, and its tables are to be copied again. */
  async *#stepOver(failure: VStreamError): AsyncGenerator<StreamBatch, boolean, void> {
    const assembler = this.#assembler;
    // Transactions without rows count as well: the one that fails is the next after them.
    yield* this.#delivery.position();
    const { tables } = this.catalog;
    const step = await this.#undecodable.judge(failure, assembler.position);
    if (!step) return false;
    const { keyspace, shard } = step;
    // Whatever table the server's text may name, the transaction can have changed any other as well.
    const concerned = tables.filter((one) => one.keyspace === keyspace);
    const stepped = stepOver(assembler.position, step, concerned);
    if (stepped.gaps.size > 0) this.gaps.add({ keyspace, shard, reason: 'transaction-skipped', tables: Object.fromEntries(stepped.gaps) });
    assembler.replace(stepped.position);
    this.#delivery.copyOwed();
    // One write holds the step and what is owed for it.
    yield* this.#delivery.handOut([assembler.progress({ type: 'position' })]);
    // The next RPC asks for something else: what it meets is met for the first time.
    this.#recovery.over();
    return true;
  }

  *#resolve(unit: Unit, resolving: Resolving): Generator<StreamBatch, void, void> {
    resolving.take(unit);
    const position = resolving.resolved(this.#assembler.position);
    if (!position) return;
    this.#resolving = undefined;
    this.#assembler.replace(position);
    yield* this.#delivery.handOut([this.#assembler.progress({ type: 'position' })]);
    for (const held of resolving.held) yield* this.#intake.take(held);
  }

  #copyMovedOn(copying: TableRef | undefined): boolean {
    const next = nextTable(this.#assembler.plan);
    if (!copying) return next !== undefined;
    if (this.#assembler.copiesInVain) return true;
    // With nothing left to copy the same RPC goes on, if all shards are in it: its filter already holds every table.
    return next ? next.table !== copying.table || next.keyspace !== copying.keyspace : this.#leavesOut;
  }

  *#applyChanges(): Generator<StreamBatch, void, void> {
    if (this.#changes.length === 0) return;
    const taken = this.#changes;
    this.#changes = [];
    const changes = taken.map((one) => one.change);
    this.catalog.change(changes);
    const { position } = this.#assembler;
    const plan = changePlan(position.plan, changes);
    if (!plan.done) this.#delivery.copyOwed();
    this.#assembler.replace(startWithoutCopy(withPlan(position, plan)));
    for (const { applied } of taken) applied?.();
    if (!Resolving.of(this.#assembler.position, 0)) yield* this.#delivery.position();
  }
}
