/** What a grouper remembers of one shard between its events. Layer 3. */
import { VStreamError } from '../errors.js';
import type { PartialTransaction } from '../position/position.js';
import type { VgtidEntry } from '../wire/vgtid.js';
import type { ShardState } from './grammar.js';
import type { HeldChanges } from './held.js';
import type { ChangeRecord, GroupContext } from './record.js';
import type { FieldNotice, ShardTables } from './tables.js';

export interface OpenShard {
  readonly keyspace: string;
  readonly shard: string;
  readonly tables: ShardTables;
  /** Undefined: nothing of the shard was copied ahead of it. */
  readonly held: HeldChanges | undefined;
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

type Init = Pick<OpenShard, 'keyspace' | 'shard' | 'tables' | 'held' | 'group' | 'joined' | 'reshards' | 'splits' | 'gtid'>;

// Written out: an object made with a spread is slower to ask, and these fields are asked for every row.
export function openShard({ keyspace, shard, tables, held, group, joined, reshards, splits, gtid }: Init): OpenShard {
  return {
    keyspace,
    shard,
    tables,
    held,
    group,
    joined,
    reshards,
    splits,
    gtid,
    state: 'idle',
    changes: [],
    fields: [],
    statements: [],
    copyBegun: new Set(),
    copyRestarted: undefined,
    bytes: 0,
    copied: false,
    vgtid: undefined,
    vector: undefined,
    ordinal: 0,
    parts: 0,
    skip: 0,
    unplaced: 0,
  };
}

/** Everything of the open group but its FIELDs: they hold on, and consumers have to hear of them before the next row (G45). */
export function clearGroup(shard: OpenShard, group: GroupContext): void {
  shard.group = group;
  shard.changes = [];
  shard.statements = [];
  shard.copyRestarted = undefined;
  shard.bytes = 0;
  shard.copied = false;
  shard.vgtid = undefined;
  shard.ordinal = 0;
  shard.parts = 0;
  shard.skip = 0;
}

export function tooLarge({ keyspace, shard }: OpenShard, gtid: string | undefined, limit: number): VStreamError {
  return new VStreamError('TRANSACTION_TOO_LARGE', `transaction ${gtid ?? '(no GTID)'} on ${keyspace}/${shard} is above ${limit} bytes`, {
    keyspace,
    shard,
    position: gtid,
    next: "Raise `limits.transactionBytes`, or set `hugeTransaction: 'split'` to receive it in parts.",
  });
}
