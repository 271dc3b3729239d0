/** Batches being filled: what waits to be handed out, and where positions go when it is. Layer 3. */
import type { ShardCopy } from '../position/plan.js';
import type { PartialTransaction } from '../position/position.js';
import type { TableRef, TableVersion } from '../schema/table.js';
import type { Transaction } from './change.js';
import type { ChangeRecord } from './record.js';
import type { GroupUnit } from './units.js';

export interface Advance {
  readonly keyspace: string;
  readonly shard: string;
  readonly gtid: string;
  /** New state of a table's copy on that shard. */
  readonly copy?: { readonly table: string; readonly state: ShardCopy } | undefined;
}

/** What moves a position: by `keyspace/shard`, and transactions handed out in part that have come to their end. */
export interface Moves {
  readonly advances: Map<string, Advance>;
  readonly ended: PartialTransaction[];
}

export class Builder implements Moves {
  readonly changes: ChangeRecord[] = [];
  readonly transactions: Transaction<ChangeRecord>[] = [];
  readonly advances = new Map<string, Advance>();
  readonly ended: PartialTransaction[] = [];
  readonly #versions = new Map<string, TableVersion>();
  bytes = 0;
  lagMs: number | undefined = undefined;

  /** Adds changes that are left of a unit. */
  add(changes: readonly ChangeRecord[], unit: GroupUnit): void {
    for (const change of changes) this.changes.push(change);
    this.bytes += unit.bytes;
    if (unit.lagMs !== undefined) this.lagMs = unit.lagMs;
    for (const { name, version } of versionsOf(changes)) this.#versions.set(name, version);
  }

  /** True when a change has another version of a table than the batch so far: a batch never mixes two. */
  differs(changes: readonly ChangeRecord[]): boolean {
    for (const { name, version } of versionsOf(changes)) {
      const known = this.#versions.get(name);
      if (known && known !== version) return true;
    }
    return false;
  }
}

/** Copied rows of one table and shard. */
export class CopyBuilder extends Builder {
  readonly keyspace: string;
  readonly shard: string;
  readonly table: string;
  readonly generation: number;

  constructor({ keyspace, table }: TableRef, shard: string, generation: number) {
    super();
    this.keyspace = keyspace;
    this.table = table;
    this.shard = shard;
    this.generation = generation;
  }
}

/** Per run of rows of one table. */
function* versionsOf(changes: readonly ChangeRecord[]): Generator<{ name: string; version: TableVersion }> {
  let last: unknown;
  for (const change of changes) {
    if (change.context === last) continue;
    last = change.context;
    yield { name: `${change.keyspace}.${change.table}`, version: change.schema };
  }
}

export const isSameTransaction = (a: PartialTransaction, b: PartialTransaction): boolean =>
  a.gtid === b.gtid && a.shard === b.shard && a.keyspace === b.keyspace;
export const isTransactionOf = (one: PartialTransaction, { keyspace, shard, group }: GroupUnit): boolean =>
  one.gtid === group.gtid && one.shard === shard && one.keyspace === keyspace;
