/** Batches being filled: what waits to be handed out, and where positions go when it is. Layer 3. */
import type { ShardCopy } from '../position/plan.js';
import type { PartialTransaction } from '../position/position.js';
import type { TableRef, TableVersion } from '../schema/table.js';
import type { Transaction } from './change.js';
import type { ChangeRecord, TableContext } from './record.js';
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
  changes: readonly ChangeRecord[] = [];
  /** Set with the second unit. Before it `changes` is the list of the first: a group of many rows mostly is a batch of its own. */
  #gathered: ChangeRecord[] | undefined;
  readonly transactions: Transaction<ChangeRecord>[] = [];
  readonly advances = new Map<string, Advance>();
  readonly ended: PartialTransaction[] = [];
  /** By keyspace and table: a transaction of another table than the one before makes no string to ask for it. */
  readonly #versions = new Map<string, Map<string, TableVersion>>();
  /** Of the change added last: rows come in runs of one table, and only the first of a run is looked up. */
  #context: TableContext | undefined;
  bytes = 0;
  lagMs: number | undefined = undefined;

  /** Adds changes that are left of a unit. */
  add(added: readonly ChangeRecord[], unit: GroupUnit): void {
    for (let index = 0; index < added.length; index++) {
      const { context } = added[index] as ChangeRecord;
      if (context !== this.#context) this.#enter(context);
    }
    if (this.changes.length === 0) this.changes = added;
    else {
      const gathered = (this.#gathered ??= this.changes.slice());
      for (let index = 0; index < added.length; index++) gathered[gathered.length] = added[index] as ChangeRecord;
      this.changes = gathered;
    }
    this.bytes += unit.bytes;
    if (unit.lagMs !== undefined) this.lagMs = unit.lagMs;
  }

  #enter(context: TableContext): void {
    this.#context = context;
    const versions = this.#versions.get(context.keyspace) ?? new Map<string, TableVersion>();
    if (versions.size === 0) this.#versions.set(context.keyspace, versions);
    versions.set(context.table, context.version);
  }

  /** True when a change has another version of a table than the batch so far: a batch never mixes two. */
  differs(changes: readonly ChangeRecord[]): boolean {
    let last = this.#context;
    for (let index = 0; index < changes.length; index++) {
      const { context } = changes[index] as ChangeRecord;
      if (context === last) continue;
      last = context;
      const known = this.#versions.get(context.keyspace)?.get(context.table);
      if (known && known !== context.version) return true;
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

export const isSameTransaction = (a: PartialTransaction, b: PartialTransaction): boolean =>
  a.gtid === b.gtid && a.shard === b.shard && a.keyspace === b.keyspace;
export const isTransactionOf = (one: PartialTransaction, { keyspace, shard, group }: GroupUnit): boolean =>
  one.gtid === group.gtid && one.shard === shard && one.keyspace === keyspace;
