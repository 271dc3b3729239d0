/**
 * Decisions about the copy plan, all pure: what to copy next, what a group of copied rows means. Layer 3.
 *
 * One table per RPC, over all shards (design.md section 4; measured.md section 2 shows how the obvious ways lose deletes).
 */
import { CopyPlan, highestGeneration, type ShardCopy, type TableCopy } from '../position/plan.js';
import type { TableRef } from '../schema/table.js';
import type { VgtidEntry } from '../wire/vgtid.js';

export interface CopyTable extends TableRef {
  /** false: the table takes part from the start, its existing rows are not wanted. */
  readonly copy: boolean;
  /** Generation of its first copy. Default 1. */
  readonly generation?: number | undefined;
  readonly fingerprint?: string | undefined;
}

/** The plan of a stream that begins with a copy. */
export function newPlan(tables: readonly CopyTable[]): CopyPlan {
  return CopyPlan.empty.withTables(tables.map((one) => [one, first(one)]));
}

/** The table to copy now: one that is under way before one that is not, else in the plan's order. Undefined: all done. */
export function nextTable(plan: CopyPlan): TableRef | undefined {
  return plan.first('copying') ?? plan.first('begun') ?? plan.first('untouched');
}

/** What the vector says about a table's copy on one shard after a group of copied rows. */
export function copyAfter(table: string, before: ShardCopy, rows: number, vgtid: VgtidEntry): ShardCopy {
  const pending = vgtid.pending.find((one) => one.table === table);
  const total = (before.rows ?? 0) + rows;
  if (!pending) return { state: 'done', generation: before.generation, rows: total };
  const lastPk = pending.hasKey ? pending.message.toString('base64') : before.lastPk;
  return { state: 'copying', generation: before.generation, ...(lastPk === undefined ? {} : { lastPk }), rows: total };
}

/** A table marked for copying again on one shard: the next generation, from its first row. */
export function again(before: ShardCopy): ShardCopy {
  return { state: 'pending', generation: before.generation + 1 };
}

/** A table marked for copying again on all shards. */
export function copyAgain(entry: TableCopy, fingerprint: string | undefined = entry.fingerprint): TableCopy {
  return withFingerprint({ state: 'pending', generation: 1 + highestGeneration(entry) }, fingerprint);
}

/** A table that leaves the selection. Its generation stays known: the sink may still hold its rows when it comes back. */
export function removed(entry: TableCopy): TableCopy {
  return { state: 'done', generation: highestGeneration(entry), removed: true };
}

/**
 * Takes up a changed selection: tables that are new, or back, are to be copied; tables no longer selected are marked removed;
 * a changed fingerprint (key, types, collation, rule, column list) restarts a table as a new generation. The same plan object
 * when nothing changed.
 */
export function reconcilePlan(plan: CopyPlan, tables: readonly CopyTable[]): CopyPlan {
  const changes: [TableRef, TableCopy][] = [];
  const selected = new Set(tables.map(({ keyspace, table }) => `${keyspace}\u0000${table}`));
  for (const { keyspace, table, entry } of plan.tables()) {
    if (!selected.has(`${keyspace}\u0000${table}`) && !entry.removed) changes.push([{ keyspace, table }, removed(entry)]);
  }
  for (const one of tables) {
    const entry = plan.table(one.keyspace, one.table);
    const next = entry === undefined ? first(one) : reconciled(entry, one);
    if (next !== entry) changes.push([one, next]);
  }
  return changes.length === 0 ? plan : plan.withTables(changes);
}

function reconciled(entry: TableCopy, { copy, fingerprint }: CopyTable): TableCopy {
  if (entry.removed) {
    return copy ? copyAgain(entry, fingerprint) : withFingerprint({ state: 'done', generation: entry.generation }, fingerprint);
  }
  if (fingerprint === undefined || fingerprint === entry.fingerprint) return entry;
  const known = entry.fingerprint !== undefined;
  return known && copy ? copyAgain(entry, fingerprint) : { ...entry, fingerprint };
}

function first({ copy, fingerprint, generation = 1 }: CopyTable): TableCopy {
  return withFingerprint({ state: copy ? 'pending' : 'done', generation }, fingerprint);
}

function withFingerprint(entry: TableCopy, fingerprint: string | undefined): TableCopy {
  return fingerprint === undefined ? entry : { ...entry, fingerprint };
}
