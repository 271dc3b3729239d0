/** What users write to describe a stream. Layer 3, types only; checked by validate.ts. */
import type { Duration } from '../internal/duration.js';
import type { Logger } from '../observe/logger.js';
import type { Position } from '../position/position.js';
import type { Tables } from '../schema/define.js';
import type { DecodeOptions } from '../schema/options.js';
import type { Auth, TlsOptions } from '../transport/options.js';

export type { Auth, Text, TlsOptions } from '../transport/options.js';

/** Which tablets of a shard are streamed from. */
export type TabletTypeName = 'primary' | 'replica' | 'rdonly';

/** VStream flags that make sense for a client like this; the others are ours to set. */
export interface FlagOptions {
  /** VTGate heartbeat interval. Whole seconds, at least 1 s. Default 5 s. */
  readonly heartbeatInterval?: Duration;
  /** Hold back shards that are more than 2 s ahead of the slowest. Not an order guarantee. Default false. */
  readonly minimizeSkew?: boolean;
  /** Ask tablets for their heartbeat rows: the best sign of life per shard; needs tablets with `--heartbeat-enable`. Default true. */
  readonly streamKeyspaceHeartbeats?: boolean;
  /** `preferlocalwithalias` (the server's default): tablets of VTGate's own cell and its alias first, besides `cells`. `onlyspecified`: those of `cells` alone. */
  readonly cellPreference?: 'preferlocalwithalias' | 'onlyspecified';
  /** Order in which the server tries tablet types. Default `any`. A stream has one type, so it changes nothing today. */
  readonly tabletOrder?: 'any' | 'inorder';
  /** The server ends the RPC after this age (v25); the client reconnects. Default off. */
  readonly maxStreamAge?: Duration;
}

/** Where changes come from. */
export interface SourceOptions {
  /** `host:port` of one or more VTGates; tried in order, the next one after failures. */
  readonly vtgate: string | readonly string[];
  /** Needed unless every table is written `keyspace.table`. */
  readonly keyspace?: string;
  /** Only these shards of the keyspace, such as `-80`. Default: all, as a reshard needs (`SHARDS_CHANGED`). */
  readonly shards?: readonly string[];
  /** true: TLS with the system's authorities. Default: plain text. */
  readonly tls?: boolean | TlsOptions;
  /** Sent with each request. Default: none. */
  readonly auth?: Auth;
  /** Effective caller as VTGate shows it; not authentication (G22). */
  readonly callerId?: string;
  /** Default: `replica` where every shard has a serving one, else `primary`. */
  readonly tabletType?: TabletTypeName;
  /** Cells or cell aliases to take tablets from; see `flags.cellPreference`. Not for primaries. Default: VTGate's own. */
  readonly cells?: readonly string[];
  readonly flags?: FlagOptions;
  /** Largest message accepted, in bytes: 64 KiB to 2 GiB. Default 64 MiB; the server's own limit is 16 MiB by default. */
  readonly maxMessageBytes?: number;
  /**
   * Where the connection of the stream lives. `thread`: in a worker thread, so that it survives code that blocks the event loop for more than about 10 s,
   * for about twice the CPU time of receiving and 70 MB more memory. Default `main`.
   */
  readonly socket?: 'main' | 'thread';
}

/** What bounds memory: everything received and not yet handed out. */
export interface Limits {
  /**
   * A batch is handed out before it would pass this many bytes on the wire. A transaction, and what the server sends as one packet of copied
   * rows, is never cut, so a batch of one of these alone can be larger. Default 256 KiB; 4 MiB for a sink that takes cells.
   */
  readonly batchBytes?: number;
  /** The same in changes. Default 1,000; 10,000 for a sink that takes cells. */
  readonly batchChanges?: number;
  /** A transaction above this fails, or is split into parts of this size. Default 64 MiB; 512 KiB with `hugeTransaction: 'split'`. */
  readonly transactionBytes?: number;
}

/** What `run`, `start` and `vstream` have in common. Wrong options throw `CONFIG_INVALID`, once, with all problems. */
export interface StreamOptions<T extends Tables = Tables> {
  readonly source: SourceOptions;
  /**
   * Names, `keyspace.table` or patterns (`*`), or a record of definitions. Default: every base table of the keyspace. Patterns are looked
   * up at the start: a table created later joins at the next one.
   */
  readonly tables?: readonly string[] | T;
  /** Only when nothing is stored. Default `beginning`: copy, then stream. */
  readonly from?: 'beginning' | 'current' | Position;
  /** Ends normally: when all copies are done, at what the primaries have executed now, after a time, or at a position. Default: never. */
  readonly until?: 'copied' | 'now' | Duration | Position;
  /** Aborted: the stream ends in order, without an error. A run finishes the batch in flight and stores its position. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Where the stream tells what it does; `console` and pino fit. Default: warnings and errors to stderr, a line each, and nothing else;
   * `silentLogger` for nothing at all. The program `vstream` has its own.
   */
  readonly logger?: Logger | undefined;
  /** Decoder overrides by MySQL type; see docs/types.md. By column: `table({ types })`. */
  readonly types?: DecodeOptions['types'];
  /** `full` (default): a partial row image is completed or refused. `partial`: omitted columns are absent properties. */
  readonly images?: 'full' | 'partial';
  /** What date converters make of `0000-00-00` and other dates no calendar has (B31). Default `fail`. Dates as text are not affected. */
  readonly zeroDates?: 'fail' | 'null' | 'string';
  /** Bytes that are not valid in their column's character set: stop (default), or put U+FFFD. */
  readonly invalidText?: 'fail' | 'replace';
  /** A transaction above `limits.transactionBytes`: `fail` (default) with `TRANSACTION_TOO_LARGE`, or `split` it into parts, each marked (`Transaction.part`). */
  readonly hugeTransaction?: 'fail' | 'split';
  readonly limits?: Limits;
}
