/** The shapes of changes and batches: what handlers and sinks receive. Layer 3, types only. */
import type { Position } from '../position/position.js';
import type { Cells } from '../schema/cells.js';
import type { RowOf, Tables } from '../schema/define.js';
import type { KeyRange } from '../schema/key-range.js';
import type { TableRef, TableVersion } from '../schema/table.js';
import type { Key, Row } from '../schema/values.js';

/** `copy`: a row the table held when it was copied; the others are changes since. */
export type Op = 'copy' | 'insert' | 'update' | 'delete';

/**
 * Where the stream is with a shard: `copy` = the row was read from a snapshot; `catchup` = replicated while some table of that
 * shard is not fully copied; `live` = replicated after that.
 */
export type Phase = 'copy' | 'catchup' | 'live';

/**
 * Orders the versions of one key, the same at every replay: reshard generation, number of transactions in the shard's GTID
 * set after the change's transaction (a copied row carries its snapshot's), ordinal in the transaction. Compare as tuples.
 */
export type Sequence = readonly [reshard: number, transactions: bigint, ordinal: number];

/** The image before a change. Under NOBLOB columns can be absent even where the row type names them (B41). */
export type BeforeImage<R> = R;

/**
 * Properties are read from the message when they are asked for. `JSON.stringify(change)` gives the form of the JSONL sink, with 64-bit integers as
 * text; spreading a change (`{ ...change }`) copies none of them.
 */
export interface ChangeBase<K extends string = string, S extends string = string> {
  /** Table name without the keyspace. */
  readonly table: K;
  readonly keyspace: S;
  /** The shard that sent the change. */
  readonly shard: string;
  /** Primary key columns of the row after the change (before it, for a delete); undefined for tables without one. */
  readonly key: Key | undefined;
  /** The columns this row was decoded with. */
  readonly schema: TableVersion;
  /** Copy generation of the table on that shard; rows of older generations are what a sweep removes. Starts at 1. */
  readonly generation: number;
  /** The transaction's own GTID (`uuid:n`); undefined for copied rows and servers before v23. */
  readonly gtid: string | undefined;
  /** Counts changes in the transaction, from 0; in a copy batch, rows of the batch's group. */
  readonly ordinal: number;
  /** Commit time, seconds since the epoch (UTC); undefined for copied rows (G58). */
  readonly commitTime: number | undefined;
  readonly phase: Phase;
  readonly sequence: Sequence;
  /** Raw cells of the image after the change; undefined for deletes. */
  readonly afterCells: Cells | undefined;
  /** Raw cells of the image before the change; undefined for inserts and copied rows. */
  readonly beforeCells: Cells | undefined;
}

/** One row change, discriminated by `op`. An update of the key is one update with both images (B48). */
export type Change<R = Row, K extends string = string, S extends string = string> = ChangeBase<K, S> &
  (
    | { readonly op: 'copy' | 'insert'; readonly before?: undefined; readonly after: R }
    | { readonly op: 'update'; readonly before: BeforeImage<R>; readonly after: R }
    | { readonly op: 'delete'; readonly before: BeforeImage<R>; readonly after?: undefined }
  );

/** One transaction of one shard, or one part of it (`hugeTransaction: 'split'`). */
export interface Transaction<C = Change> {
  readonly keyspace: string;
  readonly shard: string;
  /** Its own GTID (`uuid:n`); undefined for servers before v23. */
  readonly gtid: string | undefined;
  /** Seconds since the epoch (UTC). */
  readonly commitTime: number | undefined;
  /** Those of selected tables; never empty, but for a last part. */
  readonly changes: readonly C[];
  /** Only for a transaction in parts; `index` counts from 0. The GTID set in `position` of the batch moves only with the last part. */
  readonly part?: { readonly index: number; readonly last: boolean };
}

export type SchemaChangeKind =
  /** First FIELD of a table in this process, or columns differ from the last version. */
  | 'columns'
  /** All rows of the table on that shard are gone. */
  | 'truncate'
  /** A DDL statement with no effect on rows that we know of. */
  | 'ddl'
  /** Rows changed without events: DROP, RENAME, partition work, ADD COLUMN with a default, a type that rounds or respells values, another primary key. */
  | 'rows-changed';

/** One statement or one new version of the columns, on one shard; shards change one after the other. */
export interface SchemaChange extends TableRef {
  readonly kind: SchemaChangeKind;
  readonly shard: string;
  /** Columns before; undefined at the first sight of a table. */
  readonly from: TableVersion | undefined;
  /** Columns from now on; undefined when not known yet (a DDL comes before its FIELD). */
  readonly to: TableVersion | undefined;
  /** The statement, where a DDL event caused this. May hold comments and secrets (G132): not logged by default. */
  readonly statement: string | undefined;
}

/**
 * What happened without rows:
 * - `table-start`: the copy of a table begins, on all shards (no `shard`, no `rows`)
 * - `table-end`: it is done on `shard`. A process killed just before it may not send it again
 * - `copy-completed`: all copies are done and every shard has come as far as its tables; again after each later copy
 * - `position`: the position moved, told at most every 10 s while no rows come (30 s where the state lies in a streamed keyspace); store it
 */
export interface Progress {
  readonly type: 'table-start' | 'table-end' | 'copy-completed' | 'position';
  readonly keyspace?: string | undefined;
  readonly shard?: string | undefined;
  readonly table?: string | undefined;
  readonly generation?: number | undefined;
  /** At a table end: rows of older generations have to be swept from the sink. */
  readonly sweep?: boolean | undefined;
  /** Only this range of the table is copied: at its end rows of older generations are to be swept inside the range alone. */
  readonly range?: KeyRange | undefined;
  /** Rows copied of this table on this shard. */
  readonly rows?: number | undefined;
}

/** `new_*` as a type: any name that begins so. */
type Names<P extends string> = P extends `${infer Before}*${infer After}` ? `${Before}${string}${Names<After>}` : P;
type TableIn<N extends string> = N extends `${string}.${infer Table}` ? Names<Table> : Names<N>;
type KeyspaceIn<N extends string> = N extends `${infer Keyspace}.${string}` ? Names<Keyspace> : string;

/** The changes of the tables that one key of `Tables` names: `orders`, `billing.orders`, `billing.*`. */
type ChangesOfKey<T extends Tables, N extends keyof T & string> = Change<RowOf<T[N]>, TableIn<N>, KeyspaceIn<N>>;
type ChangesOf<T extends Tables> = { [N in keyof T & string]: ChangesOfKey<T, N> }[keyof T & string];

/** Which arguments of `of` mean the tables of a key: the key itself, and the name with and without its keyspace. */
type ArgumentsFor<N extends string> = N | `${KeyspaceIn<N>}.${TableIn<N>}` | (N extends `${string}*${string}` ? Names<N> : TableIn<N>);
type KeysFor<T extends Tables, A extends string> = { [N in keyof T & string]: A extends ArgumentsFor<N> ? N : never }[keyof T & string];
/** The key an argument means: itself, else a name, else a pattern. */
type KeyOf<T extends Tables, A extends string> = A extends keyof T ? A : ByName<KeysFor<T, A>>;
type ByName<N extends string> = [Exclude<N, `${string}*${string}`>] extends [never] ? N : Exclude<N, `${string}*${string}`>;

/** Methods, as the compiler lets a batch of known tables pass for one of unknown tables only where parameters are a method's. */
interface AnyTable {
  of(table: string): readonly Change[];
}
interface KnownTable<T extends Tables> {
  of<A extends ArgumentsFor<keyof T & string>>(table: A): readonly ChangesOfKey<T, KeyOf<T, A>>[];
}

/** What is handed out: whole transactions, copied rows of one table and shard, one schema change, or progress without rows. */
export type Batch<T extends Tables = Tables> = BatchOf<ChangesOf<T>, (string extends keyof T ? AnyTable : KnownTable<T>)['of']>;

/** A batch by its parts, so that one of any tables is a `Batch` to a helper that knows none of them. */
export interface BatchOf<C, Of> {
  /** `copy`: copied rows of one table and shard. `transactions`: whole ones, of any shards. `schema`, `progress`: no changes. */
  readonly kind: 'copy' | 'transactions' | 'schema' | 'progress';
  /** Every change in order. Empty for `schema` and `progress`. */
  readonly changes: readonly C[];
  /** Whole transactions in order; empty unless `kind` is `transactions`. */
  readonly transactions: readonly Transaction<C>[];
  /** The changes of one table, typed by its definition. Accepts `table` or `keyspace.table`. */
  readonly of: Of;
  /** The position after this batch: store it once the batch is safe, and a resume repeats and loses nothing. */
  readonly position: Position;
  /** Bytes of this batch on the wire. */
  readonly bytes: number;
  /** For `copy`: the table, shard and generation all rows belong to. */
  readonly copy?: (TableRef & { readonly shard: string; readonly generation: number }) | undefined;
  /** For `schema`. */
  readonly schema?: SchemaChange | undefined;
  /** For `progress`. */
  readonly progress?: Progress | undefined;
}
