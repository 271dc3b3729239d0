/**
 * Decisions about the copy plan, all pure: what to copy next, what a group of copied rows means. Layer 3.
 *
 * One table per RPC, over all shards (design.md section 4; measured.md section 2 shows how the obvious ways lose deletes).
 */
import { CopyPlan, type ShardCopy } from '../position/plan.js';
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
  let plan = CopyPlan.empty;
  for (const { keyspace, table, copy, fingerprint, generation = 1 } of tables) {
    plan = plan.withTable(keyspace, table, { state: copy ? 'pending' : 'done', generation, fingerprint });
  }
  return plan;
}

/** The table to copy now: one that is under way before one that is not, else in the plan's order. Undefined: all done. */
export function nextTable(plan: CopyPlan): TableRef | undefined {
  let first: TableRef | undefined;
  for (const { keyspace, table, entry } of plan.tables()) {
    if (plan.isDone(keyspace, table)) continue;
    if (entry.shards && Object.keys(entry.shards).length > 0) return { keyspace, table };
    first ??= { keyspace, table };
  }
  return first;
}

/** What the vector says about a table's copy on one shard after a group of copied rows. */
export function copyAfter(table: string, before: ShardCopy, rows: number, vgtid: VgtidEntry): ShardCopy {
  const pending = vgtid.pending.find((one) => one.table === table);
  const total = (before.rows ?? 0) + rows;
  if (!pending) return { state: 'done', generation: before.generation, rows: total };
  return {
    state: 'copying',
    generation: before.generation,
    lastPk: pending.hasKey ? pending.message.toString('base64') : before.lastPk,
    rows: total,
  };
}

/** A table marked for copying again on one shard: the next generation, from its first row. */
export function again(before: ShardCopy): ShardCopy {
  return { state: 'pending', generation: before.generation + 1 };
}

/**
 * Takes up a changed selection: tables that are new are to be copied, tables no longer selected leave the plan, and a changed
 * fingerprint (key, types, collation, rule, column list) restarts a table as a new generation.
 */
export function reconcilePlan(plan: CopyPlan, tables: readonly CopyTable[]): CopyPlan {
  let next = plan;
  const selected = new Set(tables.map(({ keyspace, table }) => `${keyspace}\u0000${table}`));
  for (const { keyspace, table } of plan.tables()) {
    if (!selected.has(`${keyspace}\u0000${table}`)) next = next.withTable(keyspace, table, undefined);
  }
  for (const { keyspace, table, copy, fingerprint } of tables) {
    const entry = plan.table(keyspace, table);
    if (!entry) {
      next = next.withTable(keyspace, table, { state: copy ? 'pending' : 'done', generation: 1, fingerprint });
    } else if (fingerprint !== undefined && entry.fingerprint !== undefined && entry.fingerprint !== fingerprint && copy) {
      const generation = 1 + Math.max(entry.generation, ...Object.values(entry.shards ?? {}).map((one) => one.generation));
      next = next.withTable(keyspace, table, { state: 'pending', generation, fingerprint });
    }
  }
  return next;
}
