/** What the main thread and the thread of the socket say to each other. Layer 2, types only. */
import type { QueryResult } from '../wire/gen/query_pb.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import type { Logger } from '../observe/logger.js';
import type { ErrorData } from './error-data.js';
import type { ConnectOptions } from './options.js';
import type { ExecuteCall } from './transport.js';

/** With what a thread begins. Secrets in files and the environment are read by the thread, at each connection or RPC. */
export interface ThreadData {
  /** Without a function in `auth`, which cannot be sent. */
  readonly source: ConnectOptions;
  /** `auth.metadata` is a function of the main thread, asked for each RPC. */
  readonly asksMetadata: boolean;
  readonly connectTimeoutMs: number | undefined;
  readonly executeTimeoutMs: number | undefined;
}

/** Streams and statements are named by `call`, metadata by `ask`: numbers of whoever begins. */
export type ToThread =
  | { readonly type: 'open'; readonly call: number; readonly request: VStreamRequest }
  /** The consumer took these: as much more may be sent. */
  | { readonly type: 'took'; readonly call: number; readonly messages: number; readonly bytes: number }
  | { readonly type: 'execute'; readonly call: number; readonly statement: ExecuteCall }
  | { readonly type: 'cancel'; readonly call: number }
  | { readonly type: 'metadata'; readonly ask: number; readonly entries: Record<string, string> }
  | { readonly type: 'no-metadata'; readonly ask: number; readonly error: ErrorData }
  | { readonly type: 'rotate' }
  | { readonly type: 'close' };

export type FromThread =
  | { readonly type: 'ready' }
  /** Their memory comes with them. */
  | { readonly type: 'messages'; readonly call: number; readonly messages: readonly Uint8Array<ArrayBuffer>[] }
  | { readonly type: 'ended'; readonly call: number; readonly error: ErrorData | undefined }
  | { readonly type: 'executed'; readonly call: number; readonly result: QueryResult }
  | { readonly type: 'failed'; readonly call: number; readonly error: ErrorData }
  | { readonly type: 'metadata'; readonly ask: number }
  /** A statement moved to another VTGate. */
  | { readonly type: 'address'; readonly address: string }
  | { readonly type: 'log'; readonly level: keyof Logger; readonly fields: Record<string, unknown>; readonly text: string }
  | { readonly type: 'closed' };
