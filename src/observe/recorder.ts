/** Counts what a stream does, once per batch; `stats()` reads it. Layer 1. */
import { ByShard } from '../internal/by-shard.js';
import type { Clock } from '../internal/clock.js';
import type { Position } from '../position/position.js';
import type { ShardStats, ShardVerdict, Stats, StreamState, TableStats } from './stats.js';

interface ShardRecord {
  lastCommitTime: number | undefined;
  /** How far the shard was behind at `lagAt`, monotonic; since then as much more as time went by. Undefined before its first transaction. */
  lagMs: number | undefined;
  lagAt: number;
  verdict: ShardVerdict | undefined;
  level: boolean;
  judgedAt: number;
  lagTransactions: number | undefined;
}

/** Rates are means over this many milliseconds. */
const RATE_WINDOW = 5_000;
/** Shards are judged each second while the stream is listened to. */
const VERDICT_HOLDS_MS = 3_000;

export class Recorder {
  readonly #clock: Clock;
  state: StreamState = 'starting';
  rows = 0;
  bytes = 0;
  batches = 0;
  /** Rows left out by policy. */
  badRows = 0;
  /** After the last batch handed out (own loop) or durable (run). */
  position: Position | undefined;
  lastError: Readonly<Record<string, string>> | undefined;
  epoch: bigint | undefined;
  source = '';
  /** Monotonic; undefined between two batches. */
  applyingSince: number | undefined;
  waitingFor: Stats['waitingFor'];
  readonly #shards = new ByShard<ShardRecord>();
  readonly #estimates = new Map<string, number>();
  readonly #window: { at: number; rows: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  batch(rows: number, bytes: number, position: Position): void {
    this.rows += rows;
    this.bytes += bytes;
    this.batches++;
    this.position = position;
    if (rows > 0) this.#window.push({ at: this.#clock.monotonic(), rows });
    this.#trim();
  }

  /** A transaction, `lagMs` old by the tablet's clock where it says so; `commitTime`: of one with rows, seconds since the epoch. With each: nothing is made. */
  arrived(keyspace: string, shard: string, lagMs: number | undefined, commitTime: number | undefined): void {
    const record = this.#record(keyspace, shard);
    if (lagMs !== undefined) {
      record.lagMs = lagMs;
      record.lagAt = this.#clock.monotonic();
    }
    if (commitTime !== undefined) record.lastCommitTime = commitTime;
  }

  /** `level`: an idle shard is known to have nothing more, by the servers' words or heartbeats. `lagTransactions`: undefined where they could not be asked. */
  judged(keyspace: string, shard: string, verdict: ShardVerdict, level: boolean, lagTransactions: number | undefined): void {
    const record = this.#record(keyspace, shard);
    const now = this.#clock.monotonic();
    record.verdict = verdict;
    record.level = level;
    record.judgedAt = now;
    record.lagTransactions = lagTransactions;
    // Nothing is missing that the servers know of: from here on whatever comes to be missing counts.
    if (verdict === 'idle' && level) {
      record.lagMs = 0;
      record.lagAt = now;
    } else if (isLive(record)) record.lagAt = now;
  }

  /** How far a shard is behind now, milliseconds; undefined where nobody can tell. */
  lagMs(keyspace: string, shard: string): number | undefined {
    const record = this.#shards.get(keyspace, shard);
    if (record?.lagMs === undefined) return undefined;
    const now = this.#clock.monotonic();
    if (record.verdict !== undefined && now - record.judgedAt <= VERDICT_HOLDS_MS) {
      if (isLive(record)) return record.lagMs;
      if (record.verdict === 'idle') return record.level ? 0 : undefined;
    }
    return record.lagMs + (now - record.lagAt);
  }

  estimate(keyspace: string, table: string, rows: number): void {
    this.#estimates.set(`${keyspace}.${table}`, rows);
  }

  estimated(keyspace: string, table: string): number | undefined {
    return this.#estimates.get(`${keyspace}.${table}`);
  }

  snapshot(): Stats {
    const shards = (this.position?.shards ?? []).map((one) => this.#shardStats(one.keyspace, one.shard, one.gtid));
    const lags = shards.map((one) => one.lagSeconds).filter((lag) => lag !== undefined);
    return {
      state: this.state,
      rows: this.rows,
      rowsPerSecond: this.#rate(),
      bytes: this.bytes,
      batches: this.batches,
      badRows: this.badRows,
      incomplete: this.position?.incomplete ?? [],
      lagSeconds: this.state === 'copying' || lags.length === 0 ? undefined : Math.max(...lags),
      shards,
      tables: this.#tableStats(),
      position: this.position,
      lastError: this.lastError,
      applyingSeconds: this.applyingSince === undefined ? undefined : (this.#clock.monotonic() - this.applyingSince) / 1000,
      epoch: this.epoch,
      source: this.source,
      waitingFor: this.waitingFor,
    };
  }

  #record(keyspace: string, shard: string): ShardRecord {
    let record = this.#shards.get(keyspace, shard);
    if (!record) {
      record = {
        lastCommitTime: undefined,
        lagMs: undefined,
        lagAt: 0,
        verdict: undefined,
        level: false,
        judgedAt: 0,
        lagTransactions: undefined,
      };
      this.#shards.set(keyspace, shard, record);
    }
    return record;
  }

  #shardStats(keyspace: string, shard: string, gtid: string): ShardStats {
    const record = this.#shards.get(keyspace, shard);
    const lagMs = this.lagMs(keyspace, shard);
    return {
      keyspace,
      shard,
      gtid,
      phase: this.position?.plan.doneOn(keyspace, shard) ? 'live' : 'copy',
      lastCommitTime: record?.lastCommitTime,
      lagSeconds: lagMs === undefined ? undefined : lagMs / 1000,
      lagTransactions: record?.lagTransactions,
      verdict: record?.verdict,
    };
  }

  #tableStats(): TableStats[] {
    const out: TableStats[] = [];
    const plan = this.position?.plan;
    if (!plan) return out;
    for (const { keyspace, table, entry } of plan.tables()) {
      if (entry.removed) continue;
      const shards = Object.values(entry.shards ?? {});
      const state = shards.some((one) => one.state !== 'pending') && !plan.isDone(keyspace, table) ? 'copying' : entry.state;
      const { generation, range } = entry;
      const estimatedRows = this.estimated(keyspace, table);
      out.push({
        keyspace,
        table,
        rows: plan.copiedRows(keyspace, table),
        estimatedRows,
        state,
        generation,
        ...(range ? { range: range.where } : {}),
      });
    }
    return out;
  }

  #rate(): number {
    this.#trim();
    const first = this.#window[0];
    if (!first) return 0;
    const rows = this.#window.reduce((sum, one) => sum + one.rows, 0);
    const seconds = Math.max(0.5, (this.#clock.monotonic() - first.at) / 1000);
    return Math.round(rows / seconds);
  }

  #trim(): void {
    const oldest = this.#clock.monotonic() - RATE_WINDOW;
    while (this.#window.length > 0 && (this.#window[0]?.at ?? 0) < oldest) this.#window.shift();
  }
}

/** Events arrive, and none is known to be missing: one that comes now and then is not behind in between. */
function isLive({ verdict, lagTransactions = 0 }: ShardRecord): boolean {
  return verdict === 'live' && lagTransactions === 0;
}
