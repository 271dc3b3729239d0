/** What a grouper remembers of one shard between its events. Layer 3, types only. */
import type { PartialTransaction } from '../position/position.js';
import type { VgtidEntry } from '../wire/vgtid.js';
import type { ShardState } from './grammar.js';
import type { ChangeRecord, GroupContext } from './record.js';
import type { FieldNotice, ShardTables } from './tables.js';

export interface OpenShard {
  readonly keyspace: string;
  readonly shard: string;
  readonly tables: ShardTables;
  state: ShardState;
  group: GroupContext;
  changes: ChangeRecord[];
  fields: FieldNotice[];
  statements: string[];
  /** Tables whose copy has sent its FIELD in this RPC. */
  readonly copyBegun: Set<string>;
  copyRestarted: string | undefined;
  bytes: number;
  copied: boolean;
  vgtid: VgtidEntry | undefined;
  /** Joined by a reshard and not yet told of. */
  joined: boolean;
  readonly reshards: number;
  vector: VgtidEntry[] | undefined;
  ordinal: number;
  parts: number;
  /** Changes of the open group that were handed out before. */
  skip: number;
  /** Transactions handed out in part, by GTID: remembered until their end, as another tablet may send others before it. */
  readonly splits: Map<string, Pick<PartialTransaction, 'applied' | 'parts'>>;
  /** The last position adopted, and how many groups came without one since (G37). */
  gtid: string;
  unplaced: number;
}
