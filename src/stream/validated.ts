/** What validation makes of the options: complete, normalised, numbers with one unit. Layer 3, types only. */
import type { Logger } from '../observe/logger.js';
import type { Position } from '../position/position.js';
import type { DecodeOptions } from '../schema/options.js';
import type { Auth, TabletTypeName, TlsOptions } from './options.js';
import type { Selection } from './selection.js';

/** VStream flags in the server's own units and spelling; '' and 0 mean "not set". */
export interface ValidatedFlags {
  readonly heartbeatSeconds: number;
  readonly minimizeSkew: boolean;
  readonly streamKeyspaceHeartbeats: boolean;
  readonly cellPreference: '' | 'preferlocalwithalias' | 'onlyspecified';
  readonly tabletOrder: '' | 'any' | 'inorder';
  readonly maxStreamAgeSeconds: number;
}

export interface ValidatedSource {
  /** `host:port`, at least one, each once. */
  readonly addresses: readonly string[];
  readonly keyspace: string | undefined;
  /** Only with a single keyspace. */
  readonly shards: readonly string[] | undefined;
  /** undefined: plain text. `{}`: TLS with the system's authorities. Secrets unread. */
  readonly tls: TlsOptions | undefined;
  readonly auth: Auth | undefined;
  readonly callerId: string | undefined;
  /** undefined: to be chosen by looking at the tablets. */
  readonly tabletType: TabletTypeName | undefined;
  readonly cells: readonly string[];
  readonly flags: ValidatedFlags;
  readonly maxMessageBytes: number;
  /** Of the stream's own connection; that of its state is always in the main thread. */
  readonly socket: 'main' | 'thread';
}

export type ValidatedFrom =
  | { readonly kind: 'beginning' }
  | { readonly kind: 'current' }
  | { readonly kind: 'position'; readonly position: Position };

export type ValidatedUntil =
  | { readonly kind: 'never' }
  | { readonly kind: 'copied' }
  | { readonly kind: 'now' }
  | { readonly kind: 'duration'; readonly ms: number }
  | { readonly kind: 'position'; readonly position: Position };

export interface ValidatedLimits {
  /** Undefined: what suits the consumer, see batch-limits.ts. */
  readonly batchBytes: number | undefined;
  readonly batchChanges: number | undefined;
  readonly transactionBytes: number;
}

export interface ValidatedStream {
  readonly source: ValidatedSource;
  readonly selection: Selection;
  readonly from: ValidatedFrom;
  /** false: `from` is the default, which a stored position replaces without a word. */
  readonly fromGiven: boolean;
  readonly until: ValidatedUntil;
  readonly limits: ValidatedLimits;
  readonly images: 'full' | 'partial';
  readonly zeroDates: 'fail' | 'null' | 'string';
  readonly invalidText: 'fail' | 'replace';
  readonly hugeTransaction: 'fail' | 'split';
  readonly types: NonNullable<DecodeOptions['types']>;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
}
