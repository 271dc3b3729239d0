/** What a grouper needs to know of the RPC whose events it reads. Layer 3, types only. */
import type { PartialTransaction } from '../position/position.js';
import type { Phase } from './change.js';
import type { IsHeld } from './held.js';
import type { Member } from './shard-set.js';
import type { TableCatalog } from './tables.js';

export interface GrouperOptions {
  readonly catalog: TableCatalog;
  /** Every shard asked for, with the position it starts from. */
  readonly shards: readonly (Member & { readonly gtid?: string })[];
  /** Of a transaction that begins now. */
  readonly phase: (keyspace: string, shard: string) => Phase;
  /** Reshards behind the shards that have no number of their own. */
  readonly reshards: number;
  /** Bytes above which a transaction fails or is split. */
  readonly transactionBytes: number;
  readonly hugeTransaction: 'fail' | 'split';
  /** Transactions handed out in part before (`split`): their replay skips what was. */
  readonly skip?: readonly PartialTransaction[];
  /** Changes that copied rows hold already; undefined: none can be. */
  readonly isHeld?: IsHeld | undefined;
}
