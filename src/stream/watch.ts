/** Watches one RPC for signs of life and says what is wrong: the effects beside supervise/verdict.ts. Layer 3. */
import { VStreamError } from '../errors.js';
import { ByShard } from '../internal/by-shard.js';
import type { Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';
import { containsGtids, parseGtidSet } from '../position/gtid.js';
import type { ShardPosition } from '../position/position.js';
import { selectServerGtids, showExecutedGtids } from '../sql/gtids.js';
import { runStatement } from '../sql/statement.js';
import type { ShardName } from '../sql/topology.js';
import type { TabletKind } from '../sql/target.js';
import { Away } from '../supervise/away.js';
import { ExecutedWatch } from '../supervise/executed.js';
import { positionError } from '../supervise/positions.js';
import { probePositions } from '../supervise/probe.js';
import {
  isHeldUp,
  judgeShard,
  silences,
  type ShardSigns,
  type StreamSigns,
  type Verdict,
  type VerdictLimits,
} from '../supervise/verdict.js';
import type { Transport } from '../transport/transport.js';
import { expiryWarning, warnFromMs } from './preflight.js';
import { type ThrottlerSays, Throttling } from './throttling.js';

export interface WatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Recorder;
  readonly transport: Transport;
  readonly tabletKind: TabletKind;
  readonly limits: VerdictLimits;
  /** Where the connection lives: a thread of its own outlives a blocked event loop. */
  readonly socket: 'main' | 'thread';
  readonly shards: readonly ShardPosition[];
  /** Age at which binary logs are purged, by `keyspace/shard`. */
  readonly expireSeconds: ReadonlyMap<string, number>;
  /** When each shard was last warned of what passes slowly, monotonic milliseconds; outlives the RPC. */
  readonly warned: Map<string, number>;
  /** With each poll of the servers: others may ask them as well. */
  polled(shards: readonly ShardName[], signal: AbortSignal): void;
  /** A copy is under way on this shard. */
  copying(keyspace: string, shard: string): boolean;
  /** VTGate holds a shard back until the others have come as far (`minimize_skew`): the progress of one is that of all. */
  readonly aligned?: boolean | undefined;
  /** The GTID set received so far. */
  gtid(keyspace: string, shard: string): string;
}

/** How often `gtid_executed` is asked for, and the first time after a quarter of it. */
const POLL_MS = 30_000;
/** A position that SQL calls unusable, and a stream that moves nothing for this long: together they are proof. */
const HINT_GRACE_MS = 8_000;
const JUDGE_MS = 1_000;
/** How often a primary is asked whether heartbeats are still written. */
const ASK_AGAIN_MS = 10_000;
const WARN_AGAIN_MS = 3_600_000;
/** An event loop blocked for longer than this costs the connection (measured.md section 4). */
const BLOCK_WARN_MS = 8_000;
const BLOCK_COSTS = {
  main: 'VTGate drops a connection that is not served for about 10 s',
  thread: 'the connection is served by its thread, but leases and time-outs of this process were not',
} as const;
const BLOCK_NOTICE_MS = 2_000;
const BLOCK_SAMPLE_MS = 500;

interface ShardRecord {
  readonly keyspace: string;
  readonly shard: string;
  lastProgressAt: number | undefined;
  lastHeartbeatAt: number | undefined;
  /** When the primary was last asked whether heartbeats are still written. */
  askedAt: number;
  readonly executed: ExecutedWatch;
  /** Of the primary; never polled where it is what is streamed. */
  readonly primary: ExecutedWatch;
  hint: VStreamError | undefined;
}

export class Watch {
  readonly #options: WatchOptions;
  readonly #openedAt: number;
  readonly #shards = new ByShard<ShardRecord>();
  readonly #ended = new AbortController();
  readonly #throttling: Throttling;
  /** No lag below this many milliseconds is warned of. */
  readonly #worthALook: number;
  #lastMessageAt: number | undefined;
  readonly #away: Away;
  #othersHeldUntil: number | undefined;
  #blockedUntil: number | undefined;
  #judgedAt = 0;
  #nextPollAt: number;
  #polling = false;
  #cancelSample: (() => void) | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#openedAt = options.clock.monotonic();
    this.#away = new Away(this.#openedAt);
    this.#worthALook = warnFromMs(options.expireSeconds.values());
    this.#throttling = new Throttling(options.transport, this.#ended.signal);
    this.#nextPollAt = this.#openedAt + POLL_MS / 4;
    this.follow(options.shards);
    this.#sampleEventLoop();
  }

  /** The shards watched from now on: after a reshard others than before. */
  follow(shards: readonly ShardPosition[]): void {
    const before = [...this.#shards.values()];
    this.#shards.clear();
    for (const { keyspace, shard } of shards) {
      const known = before.find((one) => one.keyspace === keyspace && one.shard === shard);
      const record = {
        keyspace,
        shard,
        lastProgressAt: undefined,
        lastHeartbeatAt: undefined,
        askedAt: Number.NEGATIVE_INFINITY,
        executed: new ExecutedWatch(),
        primary: new ExecutedWatch(),
        hint: undefined,
      };
      this.#shards.set(keyspace, shard, known ?? record);
    }
  }

  /** Asks in the background whether the positions can be used; an answer alone never stops a stream. */
  probe(shards: readonly ShardPosition[]): void {
    const { transport, tabletKind, logger } = this.#options;
    probePositions(transport, shards, tabletKind, { signal: this.#ended.signal })
      .then((verdicts) => {
        for (const { shard, verdict } of verdicts) {
          const record = this.#shards.get(shard.keyspace, shard.shard);
          const hint = positionError(verdict, shard);
          // Old shards are still followed after a reshard; one that never was is refused by the server itself.
          if (!record || !hint || verdict.verdict === 'unknown-shard') continue;
          record.hint = hint;
          logger.warn({ ...hint.toJSON() }, 'the stored position looks unusable; waiting whether the stream moves all the same');
        }
      })
      .catch(() => {
        // Nothing was learned; the stream itself will tell.
      });
  }

  message(): void {
    this.#lastMessageAt = this.#options.clock.monotonic();
  }

  /** A position, or rows of a copy, arrived for a shard. `holdsOthers`: VTGate sends nothing else before the end of this transaction. */
  progress(keyspace: string, shard: string, holdsOthers = false): void {
    const now = this.#options.clock.monotonic();
    if (holdsOthers || this.#options.aligned) this.#othersHeldUntil = now;
    const record = this.#shards.get(keyspace, shard);
    if (!record) return;
    record.lastProgressAt = now;
    record.hint = undefined;
  }

  /** Warns, once an hour and shard, while there is still time to act. */
  lag(keyspace: string, shard: string, lagMs: number | undefined): void {
    // Asked with every transaction: nearly always it is far from that.
    if (lagMs === undefined || lagMs < this.#worthALook) return;
    const { clock, logger, expireSeconds, warned } = this.#options;
    const key = `${keyspace}/${shard}`;
    const now = clock.monotonic();
    if (now - (warned.get(key) ?? Number.NEGATIVE_INFINITY) < WARN_AGAIN_MS) return;
    const warning = expiryWarning(lagMs, expireSeconds.get(key));
    if (!warning) return;
    warned.set(key, now);
    logger.warn({ keyspace, shard }, `shard ${key} is ${warning}`);
  }

  /** Rows of the tablets' own heartbeat tables arrived. */
  tabletHeartbeats(names: Iterable<string>): void {
    for (const name of names) {
      const at = name.indexOf('/');
      const record = this.#shards.get(name.slice(0, at), name.slice(at + 1));
      if (record) record.lastHeartbeatAt = this.#options.clock.monotonic();
    }
  }

  /** The consumer had the stream's attention from then until now. */
  consumerWasBusy(since: number): void {
    this.#away.add(since, this.#options.clock.monotonic());
  }

  /** Judges every shard, at most once a second. Throws what SQL and silence prove together; returns a stall, if there is one. */
  judge(): VStreamError | undefined {
    const { clock, limits, recorder, transport } = this.#options;
    const now = clock.monotonic();
    if (now - this.#judgedAt < JUDGE_MS) return undefined;
    this.#judgedAt = now;
    if (now >= this.#nextPollAt) this.#poll(now);
    const signs: StreamSigns = {
      now,
      openedAt: this.#openedAt,
      lastMessageAt: this.#lastMessageAt,
      away: (since) => this.#away.since(since),
      blockedUntil: this.#blockedUntil,
    };
    const listened = silences(signs)(undefined);
    let stall: VStreamError | undefined;
    for (const record of this.#shards.values()) {
      this.#settle(record);
      if (record.hint && record.lastProgressAt === undefined && listened > HINT_GRACE_MS) throw record.hint;
      const copying = this.#options.copying(record.keyspace, record.shard);
      const shard: ShardSigns = {
        phase: copying ? 'copy' : 'stream',
        lastProgressAt: later(record.lastProgressAt, this.#othersHeldUntil),
        lastHeartbeatAt: record.lastHeartbeatAt,
        executed: copying ? undefined : record.executed.signs(),
        primary: copying ? undefined : record.primary.signs(),
      };
      if (isHeldUp(signs, shard, limits)) {
        this.#throttling.ask(record.keyspace, record.shard, now);
        if (record.lastHeartbeatAt !== undefined) this.#askForHeartbeats(record, now);
      }
      const says = this.#throttling.says(record.keyspace, record.shard);
      const verdict = judgeShard(signs, { ...shard, throttledAt: says?.rule && says.at }, limits);
      if (verdict.name === 'throttled' && says) this.#warnOfThrottling(record, says, now);
      const missing = lagOf(record);
      recorder.judged(record.keyspace, record.shard, verdict.name, missing === 0 || record.lastHeartbeatAt !== undefined, missing);
      this.lag(record.keyspace, record.shard, recorder.lagMs(record.keyspace, record.shard));
      if (verdict.name === 'stalled') stall ??= stalled(record, verdict, transport.address, says);
    }
    return stall;
  }

  #warnOfThrottling({ keyspace, shard }: ShardRecord, { rule }: ThrottlerSays, now: number): void {
    const { logger, warned } = this.#options;
    const key = `throttler of ${keyspace}/${shard}`;
    if (!rule || now - (warned.get(key) ?? Number.NEGATIVE_INFINITY) < WARN_AGAIN_MS) return;
    warned.set(key, now);
    const { app, ratio, expiresAt } = rule;
    logger.warn({ keyspace, shard, app, ratio, expiresAt }, `the tablet throttler holds back shard ${keyspace}/${shard}`);
  }

  /** Shards whose position SQL calls unusable and from which nothing came in this RPC. */
  unusable(): VStreamError[] {
    return [...this.#shards.values()].flatMap(({ hint, lastProgressAt }) => (hint && lastProgressAt === undefined ? [hint] : []));
  }

  /** Every shard has sent what its servers had executed when they were last asked. */
  get caughtUp(): boolean {
    const { copying } = this.#options;
    return [...this.#shards.values()].every(
      ({ keyspace, shard, executed }) => !copying(keyspace, shard) && executed.signs()?.missing === 0n,
    );
  }

  close(): void {
    this.#ended.abort();
    this.#cancelSample?.();
  }

  #poll(now: number): void {
    if (this.#polling) return;
    this.#polling = true;
    this.#nextPollAt = now + POLL_MS;
    const { transport, tabletKind, gtid, polled } = this.#options;
    polled([...this.#shards.values()], this.#ended.signal);
    const keyspaces = new Set([...this.#shards.values()].map((one) => one.keyspace));
    const ask = async (keyspace: string, kind: TabletKind, watch: 'executed' | 'primary'): Promise<void> => {
      const answers = await runStatement(transport, showExecutedGtids(keyspace, kind), { signal: this.#ended.signal });
      for (const { shard, executed } of answers) {
        const record = this.#shards.get(keyspace, shard);
        const set = parseGtidSet(executed);
        if (!record || !set) continue;
        record[watch].polled(set, now);
        const received = parseGtidSet(gtid(keyspace, shard));
        if (received) record[watch].received(received);
      }
    };
    const questions = [...keyspaces].flatMap((keyspace) => [
      ask(keyspace, tabletKind, 'executed'),
      ...(tabletKind === 'primary' ? [] : [ask(keyspace, 'primary', 'primary')]),
    ]);
    // A tablet that does not answer, or rights that forbid it: unknown, never a stall.
    void Promise.allSettled(questions).then(() => {
      this.#polling = false;
    });
  }

  /**
   * Tablets with `--heartbeat-on-demand-duration` write heartbeats only while somebody asks for them. Where the primary has executed
   * nothing that is not here, none are written any more: their end is no stall.
   */
  #askForHeartbeats(record: ShardRecord, now: number): void {
    if (now - record.askedAt < ASK_AGAIN_MS) return;
    record.askedAt = now;
    const { keyspace, shard } = record;
    const { transport, gtid } = this.#options;
    runStatement(transport, selectServerGtids(keyspace, shard), { signal: this.#ended.signal }).then(
      ({ executed }) => {
        const [written, received] = [parseGtidSet(executed), parseGtidSet(gtid(keyspace, shard))];
        if (written && received && containsGtids(received, written)) record.lastHeartbeatAt = undefined;
      },
      () => {
        // Nothing was learned: the heartbeats count.
      },
    );
  }

  /** What arrived since the last poll counts at once: a shard that has caught up must not look behind until the next one. */
  #settle({ keyspace, shard, executed, primary }: ShardRecord): void {
    const open = [executed, primary].filter((one) => one.signs()?.missingSince !== undefined);
    const received = open.length > 0 ? parseGtidSet(this.#options.gtid(keyspace, shard)) : undefined;
    if (received) for (const one of open) one.received(received);
  }

  #sampleEventLoop(): void {
    const { clock, logger, socket } = this.#options;
    const due = clock.monotonic() + BLOCK_SAMPLE_MS;
    this.#cancelSample = clock.after(
      BLOCK_SAMPLE_MS,
      () => {
        const late = clock.monotonic() - due;
        if (late > BLOCK_NOTICE_MS) this.#blockedUntil = clock.monotonic();
        if (late > BLOCK_WARN_MS) {
          logger.warn({ blockedMs: Math.round(late) }, `the event loop was blocked; ${BLOCK_COSTS[socket]}`);
        }
        if (!this.#ended.signal.aborted) this.#sampleEventLoop();
      },
      false,
    );
  }
}

const later = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);

/** Undefined while nobody could be asked. */
function lagOf({ executed, primary }: ShardRecord): number | undefined {
  const known = [executed, primary].flatMap((one) => one.signs()?.missing ?? []);
  return known.length === 0 ? undefined : Math.max(...known.map(Number));
}

const CAUSE: Readonly<Record<NonNullable<Verdict['cause']>, string>> = {
  'vtgate-silent': 'VTGate sends nothing, not even heartbeats',
  'heartbeat-stopped': "its tablet's heartbeat rows stopped",
  'no-progress': 'it executed transactions that do not arrive',
  'replica-behind': 'its primary executed transactions that the replica that is read has not (`show vitess_replication_status`)',
  'copy-silent': 'its copy brings no rows',
};

function stalled(
  { keyspace, shard }: ShardRecord,
  { cause = 'no-progress', silentMs = 0 }: Verdict,
  address: string,
  throttler: ThrottlerSays | undefined,
): VStreamError {
  const held = throttler?.enabled === true ? ` Its tablet throttler is on (threshold ${throttler.threshold}) and may hold it back.` : '';
  return new VStreamError(
    'STREAM_STALLED',
    `shard ${keyspace}/${shard} has stalled for ${Math.round(silentMs / 1000)} s: ${CAUSE[cause]}`,
    {
      keyspace,
      shard,
      next: `The client opens the stream again, then through another VTGate (now ${address}); if it stays, look at the shard's tablets and throttler.${held}`,
    },
  );
}
