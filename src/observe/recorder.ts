/** Counts what a stream does, once per batch; `stats()` reads it. Layer 1. */
import type { Clock } from '../internal/clock.js';
import type { Position } from '../position/position.js';
import type { ShardStats, ShardVerdict, Stats, StreamState, TableStats } from './stats.js';

interface ShardRecord {
  lastCommitTime: number | undefined;
  lagMs: number | undefined;
  verdict: ShardVerdict | undefined;
  lagTransactions: number | undefined;
}

/** Rates are means over this many milliseconds. */
const RATE_WINDOW = 5_000;

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
  readonly #shards = new Map<string, ShardRecord>();
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

  shard(keyspace: string, shard: string, seen: Partial<ShardRecord>): void {
    const name = `${keyspace}/${shard}`;
    const record = this.#shards.get(name) ?? {
      lastCommitTime: undefined,
      lagMs: undefined,
      verdict: undefined,
      lagTransactions: undefined,
    };
    this.#shards.set(name, Object.assign(record, seen));
  }

  estimate(keyspace: string, table: string, rows: number): void {
    this.#estimates.set(`${keyspace}.${table}`, rows);
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

  #shardStats(keyspace: string, shard: string, gtid: string): ShardStats {
    const record = this.#shards.get(`${keyspace}/${shard}`);
    return {
      keyspace,
      shard,
      gtid,
      phase: this.position?.plan.doneOn(keyspace, shard) ? 'live' : 'copy',
      lastCommitTime: record?.lastCommitTime,
      lagSeconds: record?.lagMs === undefined ? undefined : record.verdict === 'idle' ? 0 : record.lagMs / 1000,
      lagTransactions: record?.lagTransactions,
      verdict: record?.verdict,
    };
  }

  #tableStats(): TableStats[] {
    const out: TableStats[] = [];
    for (const { keyspace, table, entry } of this.position?.plan.tables() ?? []) {
      if (entry.removed) continue;
      const shards = Object.values(entry.shards ?? {});
      const rows = shards.reduce((sum, one) => sum + (one.rows ?? 0), entry.rows ?? 0);
      const state = shards.some((one) => one.state !== 'pending') && !this.position?.plan.isDone(keyspace, table) ? 'copying' : entry.state;
      const { generation, range } = entry;
      const estimatedRows = this.#estimates.get(`${keyspace}.${table}`);
      out.push({ keyspace, table, rows, estimatedRows, state, generation, ...(range ? { range: range.where } : {}) });
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
