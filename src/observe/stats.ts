/** What a stream says of itself, at any moment, without waiting. Layer 1, types only. */
import type { Incomplete } from '../position/incomplete.js';
import type { Position } from '../position/position.js';

/** What the stream as a whole is doing. */
export type StreamState =
  /** Not connected yet; names are being looked up. */
  | 'starting'
  /** Another process owns the stream: see `waitingFor`. */
  | 'waiting'
  | 'copying'
  | 'streaming'
  /** Between two tries: see `lastError`. */
  | 'reconnecting'
  /** On request (`vstream pause`, `pause()`), or by a DDL under `onDdl: 'pause'`. */
  | 'paused'
  /** Finishing what is in flight. */
  | 'draining'
  /** Ended normally. */
  | 'ended'
  | 'failed';

/** Whether a shard that sends nothing has nothing to send. What each means, and after how long: docs/failure.md, "No error, but nothing comes". */
export type ShardVerdict = 'idle' | 'live' | 'lagging' | 'throttled' | 'stalled' | 'ended';

export interface ShardStats {
  readonly keyspace: string;
  readonly shard: string;
  /** `copy` while some table is to be copied there, else `live`. */
  readonly phase: 'copy' | 'live';
  /** GTID set delivered so far. */
  readonly gtid: string;
  /** Commit time of the last transaction delivered, seconds since the epoch; undefined before the first (copied rows have none). */
  readonly lastCommitTime: number | undefined;
  /**
   * How far what was delivered is behind the source, at most: the age of the last transaction when it arrived, by the tablet's clock, and the
   * time since then, unless the verdict is `live` and nothing is missing. 0 while it is `idle` and the servers, or their heartbeats, say
   * that nothing is missing. It grows while the stream is stalled, throttled, lagging, paused or interrupted. Undefined before the first of
   * these, and where an idle shard's servers say nothing.
   */
  readonly lagSeconds?: number | undefined;
  /** Transactions executed by the streamed tablets, or by the primary, and not delivered yet, where known. */
  readonly lagTransactions?: number | undefined;
  readonly verdict?: ShardVerdict | undefined;
}

export interface TableStats {
  readonly keyspace: string;
  readonly table: string;
  /** Rows copied in this generation, over all shards. */
  readonly rows: number;
  /** Rows the source is believed to hold (`information_schema`), for progress and ETA. Off by tens of percent. */
  readonly estimatedRows?: number | undefined;
  readonly state: 'pending' | 'copying' | 'done';
  /** Counts copies of the table, from 1. */
  readonly generation: number;
  /** Only this range of the table is being copied again; `rows` counts rows of it. */
  readonly range?: string | undefined;
}

/** A snapshot; counters count since `start()` or `vstream()`. */
export interface Stats {
  readonly state: StreamState;
  /** Row changes delivered, copied rows included. */
  readonly rows: number;
  /** Mean of the last 5 s. */
  readonly rowsPerSecond: number;
  /** Bytes on the wire of what was delivered. */
  readonly bytes: number;
  readonly batches: number;
  /** Rows left out by `onBadRow`. */
  readonly badRows: number;
  /** Tables with gaps that a policy allowed, until they are copied again. */
  readonly incomplete: readonly Incomplete[];
  /** The largest lag of any shard; undefined while copying or before the first transaction. */
  readonly lagSeconds?: number | undefined;
  readonly shards: readonly ShardStats[];
  /** Tables with a copy in the plan. */
  readonly tables: readonly TableStats[];
  /** After the last batch that is durable (of an own loop: handed out); undefined before the first. */
  readonly position: Position | undefined;
  /** The last error that was survived or that ended the stream, as `VStreamError.toJSON()` gives it. */
  readonly lastError?: Readonly<Record<string, string>> | undefined;
  /** Seconds the destination has been at the batch in hand, tries included; undefined between batches and in an own loop. */
  readonly applyingSeconds?: number | undefined;
  /** Fencing token of this owner; absent without state. */
  readonly epoch?: bigint | undefined;
  /** `host:port` of the VTGate in use. */
  readonly source: string;
  /** Only in state `waiting`: the owner as `host:pid:random`, and when its lease ends unless it is renewed. */
  readonly waitingFor?: { readonly owner: string; readonly leaseSeconds: number } | undefined;
}
