/** Changes of a position's copy plan between two RPCs: wishes of the user, shards to copy again, copies without a key. Pure. Layer 3. */
import type { Position } from '../position/position.js';
import type { CopyPlan, ShardCopy } from '../position/plan.js';
import type { RangeWish } from '../position/range-copy.js';
import type { TableRef } from '../schema/table.js';
import { copyRange } from './ranges.js';
import { again, copyAgain, removed } from './steps.js';

/** A change of what is copied, asked for while the stream runs. */
export type PlanChange =
  | { readonly kind: 'add'; readonly table: TableRef }
  | { readonly kind: 'remove'; readonly table: TableRef }
  /** The whole table, or a range of it. */
  | { readonly kind: 'recopy'; readonly table: TableRef; readonly range?: RangeWish | undefined };

export function changePlan(plan: CopyPlan, changes: readonly PlanChange[]): CopyPlan {
  let next = plan;
  for (const change of changes) {
    const { kind, table } = change;
    const entry = next.table(table.keyspace, table.table);
    if (kind === 'recopy' && change.range) {
      next = next.withTable(table.keyspace, table.table, copyRange(entry ?? { state: 'done', generation: 1 }, change.range));
    } else if (kind === 'add' && entry && !entry.removed) {
      // Of the stream already: copying it again is `recopy`, and costs what that costs.
    } else if (kind !== 'remove')
      next = next.withTable(table.keyspace, table.table, entry ? copyAgain(entry) : { state: 'pending', generation: 1 });
    else if (entry) next = next.withTable(table.keyspace, table.table, removed(entry));
  }
  return next;
}

export function shardNames(position: Position, keyspace: string): string[] {
  return position.shards.filter((one) => one.keyspace === keyspace).map((one) => one.shard);
}

/**
 * Shards without a position whose keyspace has nothing to copy begin at `current`. Such a shard takes its position from its first copy, and
 * without one no request would ask for it: the changes of its other tables would never come.
 */
export function startWithoutCopy(position: Position): Position {
  const { plan, shards } = position;
  if (shards.every(({ gtid }) => gtid !== '')) return position;
  const waiting = new Set<string>();
  for (const { keyspace, table } of plan.tables()) if (!plan.isDone(keyspace, table)) waiting.add(keyspace);
  if (shards.every(({ keyspace, gtid }) => gtid !== '' || waiting.has(keyspace))) return position;
  return position.with({
    shards: shards.map((one) => (one.gtid === '' && !waiting.has(one.keyspace) ? { ...one, gtid: 'current' } : one)),
  });
}

/** The tables of one shard are copied again as a new generation, from a new snapshot: its position is of no use. */
export function copyShardAgain(position: Position, tables: readonly TableRef[], keyspace: string, shard: string): Position {
  const names = shardNames(position, keyspace);
  let plan = position.plan;
  for (const { table } of tables.filter((one) => one.keyspace === keyspace)) {
    const state = plan.shard(keyspace, table, shard);
    if (state) plan = plan.withShard(keyspace, table, shard, again(state), names);
  }
  const shards = position.shards.map((one) => (one.keyspace === keyspace && one.shard === shard ? { ...one, gtid: '' } : one));
  // A transaction handed out in part is in the snapshot, or gone: it never comes to its end.
  const partial = position.partial.filter((one) => one.keyspace !== keyspace || one.shard !== shard);
  return position.with({ plan, shards, partial });
}

/** How a copy that cannot be resumed inside begins again: behind a key that lies before all rows, or without one. */
export interface Restart {
  readonly start: string | undefined;
}

/**
 * Some tables are never resumed inside: without a primary key 344 of 4,000 rows were lost that way (measured.md section 2). What was
 * copied of one on a shard that is not done becomes an earlier generation. Behind a key the changes of its rows keep coming, so that a sink
 * that cannot sweep hears of rows that were deleted meanwhile.
 */
export function restartCopies(position: Position, restartOf: (table: TableRef, lastPk: string) => Restart | undefined): Position {
  let plan = position.plan;
  for (const { keyspace, table, entry } of plan.tables()) {
    for (const [shard, copy] of Object.entries(entry.shards ?? {})) {
      const restart = copy.state === 'copying' ? restartOf({ keyspace, table }, copy.lastPk ?? '') : undefined;
      if (!restart || copy.lastPk === restart.start) continue;
      const { start } = restart;
      const next: ShardCopy = start === undefined ? again(copy) : { ...again(copy), state: 'copying', lastPk: start, rows: 0 };
      plan = plan.withShard(keyspace, table, shard, next, shardNames(position, keyspace));
    }
  }
  return withPlan(position, plan);
}

/** A transaction to leave out: the shard's position with it, as if it had been delivered. */
export interface Step {
  readonly keyspace: string;
  readonly shard: string;
  readonly position: string;
}

/**
 * Leaves a transaction out. The tables it may have changed are to be copied again on that shard; `gaps` says for each which
 * generation of its rows lacks the transaction. A copy that has not begun will see what it did; rows of the generation before do not.
 */
export function stepOver(
  position: Position,
  { keyspace, shard, position: gtid }: Step,
  tables: readonly (TableRef & { readonly definition: { readonly copy?: boolean } })[],
): { position: Position; gaps: ReadonlyMap<string, number> } {
  const gaps = new Map<string, number>();
  let { plan } = position;
  for (const { table, definition } of tables) {
    const copy = plan.shard(keyspace, table, shard);
    if (!copy) continue;
    const begun = copy.state !== 'pending';
    if (begun || copy.generation > 1) gaps.set(table, begun ? copy.generation : copy.generation - 1);
    if (begun && definition.copy !== false) plan = plan.withShard(keyspace, table, shard, again(copy), shardNames(position, keyspace));
  }
  const shards = position.shards.map((one) => (one.keyspace === keyspace && one.shard === shard ? { ...one, gtid } : one));
  return { position: withPlan(position, plan).with({ shards }), gaps };
}

/** Other tables in the stream mean other changes in a transaction: how many of them were handed out says nothing then. */
export function withPlan(position: Position, plan: CopyPlan): Position {
  return plan === position.plan ? position : position.with({ plan, partial: [] });
}
