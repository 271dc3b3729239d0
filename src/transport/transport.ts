/**
 * The one narrow door to the network: raw VStream messages and SQL through VTGate. Layer 2.
 * grpc-js lives behind it (grpc.ts); a fake is a few lines; users may bring their own.
 */
import type { QueryResult } from '../wire/gen/query_pb.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';

/** A value bound into a statement. Numbers must be integers; text is sent as VARCHAR, bytes as VARBINARY, bigint as INT64. */
export type BindValue = string | number | bigint | Uint8Array | null;

export interface ExecuteCall {
  /** VTGate target: `''`, `keyspace`, `keyspace/shard` or `keyspace/shard@replica`. A shard in it bypasses routing. */
  readonly target: string;
  /** SQL with named binds (`:name`); never built from values. */
  readonly text: string;
  readonly binds?: Readonly<Record<string, BindValue>>;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface Transport {
  /** `host:port` in use now. */
  readonly address: string;
  /**
   * Opens one VStream RPC. Each item is one VStreamResponse as received: a fresh buffer that may be kept.
   * Pull-based: nothing beyond a small read-ahead is taken from the socket while the consumer does not ask. Ends when the
   * server ends with OK, throws `VStreamError` otherwise; leaving the loop, or an abort, cancels the RPC.
   */
  open(request: VStreamRequest, options?: CallOptions): AsyncIterable<Uint8Array>;
  /**
   * Runs one statement with autocommit; where no connection can be made, through the next configured VTGate. Throws `VStreamError`: `QUERY_FAILED` with the server's text for an in-band error (G17),
   * the connection codes otherwise.
   */
  execute(call: ExecuteCall, options?: CallOptions): Promise<QueryResult>;
  /** Moves to the next configured VTGate (the same one when there is only one); returns its address. */
  rotate(): string;
  /** Cancels what is open and closes the channel. Idempotent. */
  close(): Promise<void>;
}
