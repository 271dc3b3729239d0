/** One run from claim to release: owner, sink, stream, checkpoints. Layer 4. */
import { VStreamError } from '../errors.js';
import { raceAbort } from '../internal/async.js';
import type { Clock } from '../internal/clock.js';
import type { Recorder } from '../observe/recorder.js';
import type { Position } from '../position/position.js';
import type { TableRef } from '../schema/table.js';
import { DONE, isPauseAsked } from '../stores/requests.js';
import type { StateRequest } from '../stores/store.js';
import type { PlanChange } from '../copy/changes.js';
import type { Engine } from '../stream/engine.js';
import type { RowsChanged } from '../stream/statements.js';
import { discoverTable } from '../stream/discover.js';
import { rangeWish } from '../stream/range-wish.js';
import { openSession, openTransport } from '../stream/session.js';
import { retryStart } from '../supervise/retry.js';
import type { Transport } from '../transport/transport.js';
import { BadRows } from './bad-rows.js';
import { configText } from './begin.js';
import { Checkpoints } from './checkpoints.js';
import { handlerSink } from './handler-sink.js';
import { type LetterBox, openLetterBox } from './letter-box.js';
import type { Summary } from './options.js';
import { openSink } from './open-sink.js';
import { type Owned, openOwned } from './owned.js';
import { Pause } from './pause.js';
import { pump } from './pump.js';
import type { ApplyContext, Sink } from './sink.js';
import { checkSweep } from './sweep-needed.js';
import { TableChanges } from './table-changes.js';
import { Taken } from './taken.js';
import type { ValidatedRun } from './validate.js';

const CHANGES: Readonly<Record<string, PlanChange['kind']>> = { copy: 'recopy', 'add-table': 'add', 'remove-table': 'remove' };

export class Runner {
  readonly #options: ValidatedRun;
  readonly #recorder: Recorder;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #startedAt: number;
  #started: { readonly engine: Engine; readonly changes: TableChanges } | undefined;
  /** What the recorder says may be the position of a batch that was only handed out. */
  #durable: (() => Position | undefined) | undefined;
  #sink: Sink;
  readonly #taken = new Taken();
  readonly #pause: Pause;

  constructor(options: ValidatedRun, recorder: Recorder, clock: Clock, random: () => number) {
    this.#options = options;
    this.#recorder = recorder;
    this.#pause = new Pause(recorder, options.logger, clock);
    this.#clock = clock;
    this.#random = random;
    this.#startedAt = clock.monotonic();
    this.#sink = options.sink.kind === 'sink' ? options.sink.sink : handlerSink(options.sink.handler);
    for (const [name, policy] of [
      ['onPurged', options.onPurged],
      ['onUndecodable', options.onUndecodable],
    ] as const) {
      if (!policy.endsWith('recopy') || this.#sink.capabilities.sweep) continue;
      throw new VStreamError('SINK_UNSUPPORTED', `\`${name}: '${policy}'\` needs a sink that can sweep stale rows, and this one cannot`, {
        next: `Use \`${name}: 'fail'\`, or a sink with \`capabilities.sweep\`.`,
      });
    }
  }

  pause(): void {
    this.#pause.begin();
  }

  resume(): void {
    this.#pause.end();
  }

  /** `where`: only this range, of `recopy`. Resolves when it will be done, as long as the process lives. */
  async change(kind: PlanChange['kind'], name: string, where?: string): Promise<void> {
    if (!this.#started)
      throw new VStreamError('CONFIG_INVALID', 'the stream has not started yet', {
        next: 'Try again once `stats().state` is past `starting`.',
      });
    const { engine, changes } = this.#started;
    engine.change(await changes.plan(kind, name, where));
  }

  /** Resolves with the summary once drained, checkpointed and released. */
  async run(signal: AbortSignal): Promise<Summary> {
    const options = this.#options;
    let owned: Owned | undefined;
    let transport: Transport | undefined;
    let failure: unknown;
    try {
      owned = await openOwned(options, {
        ...options,
        clock: this.#clock,
        random: this.#random,
        recorder: this.#recorder,
        signal,
        onRequest: (request, known) => this.#request(request, known),
      });
      transport = openTransport(options, options.source.socket);
      return await this.#stream(transport, owned, signal);
    } catch (error) {
      failure = error;
      if (signal.aborted && (!VStreamError.is(error) || error.code === 'ABORTED')) return this.#summary('aborted');
      this.#recorder.state = 'failed';
      if (VStreamError.is(error)) this.#recorder.lastError = error.toJSON();
      throw error;
    } finally {
      await this.#closeSink();
      await owned?.close(VStreamError.is(failure) ? JSON.stringify(failure.toJSON()) : undefined);
      await transport?.close();
    }
  }

  /** A sink that does not close must not keep the lease from others. */
  async #closeSink(): Promise<void> {
    const { logger, drainMs } = this.#options;
    const limit = new AbortController();
    const cancel = this.#clock.after(drainMs, () => limit.abort(new Error(`not closed within ${drainMs} ms`)), false);
    await raceAbort(this.#sink.close(), limit.signal).catch((error: unknown) =>
      logger.warn({ error: String(error) }, 'the sink did not close cleanly'),
    );
    cancel();
  }

  async #openLetters(writing: AbortSignal, signal: AbortSignal): Promise<LetterBox | undefined> {
    const { deadLetter, logger } = this.#options;
    if (!deadLetter) return undefined;
    const [clock, random] = [this.#clock, this.#random];
    const letters = await openLetterBox(deadLetter, this.#options, { clock, random, signal: writing });
    try {
      await retryStart(() => letters.prepare(), { clock, random, logger, signal });
      return letters;
    } catch (error) {
      await letters.close();
      throw error;
    }
  }

  async #request({ verb, table = '', where }: StateRequest, known: () => void): Promise<string | undefined> {
    if (verb === 'pause') this.pause();
    else if (verb === 'resume') this.resume();
    // Asked again at the next renewal.
    else if (!this.#started) return undefined;
    else {
      const kind = CHANGES[verb];
      if (!kind) throw new VStreamError('STATE_FAILED', `this release knows no request to ${verb}`);
      const { engine, changes } = this.#started;
      const change = await changes.plan(kind, table, where);
      // The outcome is written once the change is stored: until then the request is what is left of it after a crash.
      const stored = this.#taken.wait((applied) => engine.change(change, applied));
      known();
      await stored;
    }
    return DONE;
  }

  async #stream(transport: Transport, owned: Owned, signal: AbortSignal): Promise<Summary> {
    const { ownership } = owned;
    const options = this.#options;
    const recorder = this.#recorder;
    const { record, claim } = ownership;
    if (isPauseAsked(record.requests)) this.pause();
    // What a lost lease stops at once; an abort by the user drains instead.
    const draining = new AbortController();
    const hard = AbortSignal.any([ownership.lost, draining.signal]);
    const context: ApplyContext = { epoch: claim.epoch, signal: hard };
    const { name, logger } = options;
    const { incarnation, epoch } = claim;
    const opening = { name, incarnation, epoch, logger, signal: AbortSignal.any([signal, ownership.lost]) };
    const begin = await openSink(this.#sink, opening, record.position);
    const config = configText(this.#sink.capabilities);
    if (record.config !== config) ownership.offer({ config });
    if (begin.home === 'none') options.logger.info({ from: options.from.kind }, `no stored position: starting from ${options.from.kind}`);
    else
      options.logger.info(
        { home: begin.home, ...(options.fromGiven ? { ignored: 'from' } : {}) },
        `resuming from the position stored in the ${begin.home}`,
      );
    const engineAbort = new AbortController();
    const stop = AbortSignal.any([signal, ownership.lost, engineAbort.signal]);
    // What the client writes itself is no change of the user's.
    const exclude = options.deadLetter?.kind === 'table' ? [...owned.exclude, options.deadLetter] : owned.exclude;
    const session = await openSession(options, transport, recorder, begin.position, stop, {
      clock: this.#clock,
      random: this.#random,
      eager: this.#sink.capabilities.input !== 'cells',
      screened: options.onBadRow !== 'fail',
      positionApart: this.#sink.capabilities.position === 'external',
      progressMs: owned.inSource ? 30_000 : 10_000,
      earlier: begin.earlier,
      exclude,
      onPurged: options.onPurged,
      onUndecodable: options.onUndecodable,
      rowsChanged: (table, reason) => this.#rowsChanged(table, reason),
    });
    const { engine } = session;
    const retry = { clock: this.#clock, random: this.#random, logger: options.logger, signal: stop };
    const changes = new TableChanges({
      engine,
      sink: this.#sink,
      keyspace: options.source.keyspace,
      logger: options.logger,
      lookUp: (table) => discoverTable(transport, options, table, { signal: stop, exclude }),
      rangeWish: (table, where) => retryStart(() => rangeWish(transport, table, where, stop), retry),
    });
    this.#started = { engine, changes };
    checkSweep(engine, this.#sink);
    // A run that ends soon would never come to it.
    const taking = ownership.takeRequests();
    if (taking) await raceAbort(taking, stop);
    const letters = await this.#openLetters(hard, signal);
    const checkpoints = new Checkpoints(ownership, this.#clock, options.checkpointMs);
    this.#durable = () => checkpoints.position ?? begin.position;
    const badRows = new BadRows({
      policy: options.onBadRow,
      letters,
      stream: options.name,
      incarnation: claim.incarnation,
      gaps: engine.gaps,
      position: engine.position,
      capabilities: this.#sink.capabilities,
      clock: this.#clock,
      logger: options.logger,
      recorder,
    });
    const batches = engine.batches();
    let cancelDrain: (() => void) | undefined;
    signal.addEventListener(
      'abort',
      () => {
        recorder.state = 'draining';
        cancelDrain = this.#clock.after(
          options.drainMs,
          () => draining.abort(new VStreamError('ABORTED', 'the drain limit was reached')),
          false,
        );
      },
      { once: true },
    );
    try {
      // A sink or a store that hangs is left to itself at the drain limit.
      const pumping = pump(batches, {
        sink: this.#sink,
        badRows,
        ownership,
        checkpoints,
        context,
        stop,
        pause: this.#pause,
        taken: this.#taken,
        recorder,
        logger: options.logger,
        clock: this.#clock,
        random: this.#random,
        retryMs: options.sinkRetryMs,
      });
      await raceAbort(pumping, draining.signal);
      await raceAbort(checkpoints.flush(), draining.signal);
    } catch (error) {
      engineAbort.abort();
      if (draining.signal.aborted) {
        options.logger.warn(
          { drainMs: options.drainMs },
          'the drain limit was reached; what was being written is given up and comes again',
        );
        checkpoints.offer();
      } else await checkpoints.flush().catch(() => {});
      throw ownership.lost.aborted ? ownership.lost.reason : error;
    } finally {
      // Stands still at a batch that nobody takes any more, with all that watches its RPC.
      batches.return().catch(() => {});
      cancelDrain?.();
      badRows.end();
      await letters?.close();
    }
    if (ownership.lost.aborted) throw ownership.lost.reason;
    recorder.state = 'ended';
    return this.#summary(signal.aborted ? 'aborted' : 'until');
  }

  #rowsChanged(table: TableRef, reason: string): RowsChanged {
    const policy = this.#started?.engine.catalog.get(table)?.definition.onDdl ?? 'evolve';
    if (policy === 'ignore' || policy === 'fail') return policy;
    if (!this.#sink.capabilities.sweep) return 'fail';
    if (policy === 'pause') {
      this.pause();
      this.#options.logger.warn({ ...table, reason }, 'paused: rows changed without events');
    }
    return 'recopy';
  }

  #summary(reason: Summary['reason']): Summary {
    const { rows, bytes, batches } = this.#recorder;
    return {
      reason,
      rows,
      bytes,
      batches,
      seconds: (this.#clock.monotonic() - this.#startedAt) / 1000,
      position: this.#durable?.(),
    };
  }
}
