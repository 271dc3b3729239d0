/**
 * Binary logs of the engine. A server is one mysqld: under vtcombo all shards share one, in a cluster each shard has its own.
 * Transactions of another shard on the same server reach a stream as empty ones, as on a real vtcombo [shapes/sharded-tx].
 */
import type { EngineClock } from './clock.js';
import { GtidSet } from './gtid.js';
import type { TableVersion } from './table-store.js';
import type { Row } from './values.js';

export interface RowChange {
  readonly before?: Row;
  readonly after?: Row;
  /** Partial JSON updates of the after image: column position to expression, '' for unchanged (measured.md section 6). */
  readonly json?: ReadonlyMap<number, string>;
}

/** The changes one statement made to one table, at most about 8 KB of them (big-tx: 58 rows an event). */
export interface RowsEvent {
  readonly version: TableVersion;
  readonly changes: readonly RowChange[];
  /** Last event of its statement: flag 1 of MySQL's rows event. */
  readonly endOfStatement: boolean;
  /** `binlog_row_image=NOBLOB` was in force. */
  readonly noblob: boolean;
}

export interface JournalTarget {
  readonly keyspace: string;
  readonly shard: string;
  readonly gtid: string;
}

/** What a reshard leaves in the binary log of each source shard when traffic is switched. */
export interface ShardJournal {
  readonly id: bigint;
  readonly participants: readonly { readonly keyspace: string; readonly shard: string }[];
  readonly targets: readonly JournalTarget[];
  /** The source's position the targets have copied up to. */
  readonly localPosition: string;
}

export interface Transaction {
  readonly uuid: string;
  readonly number: number;
  readonly sequence: number;
  readonly commitParent: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Shard that wrote it; others on the same server see it empty. */
  readonly keyspace: string;
  readonly shard: string;
  readonly rows: readonly RowsEvent[];
  readonly ddl?: { readonly statement: string; readonly tables: readonly string[] };
  /** Schema tracking of a tablet wrote its own table: VERSION stands inside the transaction. */
  readonly versionEvent?: boolean;
  readonly journal?: ShardJournal;
  /** The tablet fails on this transaction with this text, every time (measured.md section 6). */
  readonly undecodable?: string;
  /** Row of the sidecar heartbeat table; sent only with `stream_keyspace_heartbeats`. */
  readonly heartbeat?: { readonly tabletUid: number; readonly before: bigint | undefined; readonly after: bigint };
}

export interface ServerOptions {
  uuid: string;
  /** GTID set executed before the first transaction of the engine, for example `uuid:1-254`. */
  executed?: string;
  clock: EngineClock;
}

export class Server {
  readonly clock: EngineClock;
  /** Changes on a reparent: later transactions carry the new one. */
  uuid: string;
  readonly executed: GtidSet;
  readonly purged: GtidSet;
  #transactions: Transaction[] = [];
  #sequence = 0;
  /** Indexes below this one are purged. */
  #purgedCount = 0;
  #listeners = new Set<() => void>();

  constructor(options: ServerOptions) {
    this.uuid = options.uuid;
    this.clock = options.clock;
    this.executed = GtidSet.of(options.executed ?? '');
    this.purged = GtidSet.of(options.executed ?? '');
  }

  append(body: Pick<Transaction, 'keyspace' | 'shard' | 'rows'> & Partial<Transaction>): Transaction {
    const number = this.executed.last(this.uuid) + 1;
    this.#sequence += 1;
    const transaction: Transaction = {
      ...body,
      uuid: this.uuid,
      number,
      sequence: this.#sequence,
      commitParent: this.#sequence - 1,
      time: this.clock.now(),
    };
    this.#transactions.push(transaction);
    this.executed.add(this.uuid, number);
    for (const listener of this.#listeners) listener();
    return transaction;
  }

  /** Transactions from `index` on; indexes count from the first ever and survive a purge. */
  at(index: number): Transaction | undefined {
    return this.#transactions[index - this.#purgedCount];
  }

  get firstIndex(): number {
    return this.#purgedCount;
  }

  get endIndex(): number {
    return this.#purgedCount + this.#transactions.length;
  }

  /** Drops the oldest transactions that are in `set` (all of them by default), as PURGE BINARY LOGS does. */
  purge(set?: GtidSet): void {
    let count = 0;
    for (const { uuid, number } of this.#transactions) {
      if (set && !set.has(uuid, number)) break;
      this.purged.add(uuid, number);
      count += 1;
    }
    this.#transactions.splice(0, count);
    this.#purgedCount += count;
  }

  /** Calls back after each commit; returns the function that ends it. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
