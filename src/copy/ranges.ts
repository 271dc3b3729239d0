/** A range of a table is to be copied again: what that does to the plan. Pure. Layer 3. */
import type { CopyPlan } from '../position/plan.js';
import type { Position } from '../position/position.js';
import type { RangeWish } from '../position/range-copy.js';
import { beginRange, isFinished, type TableCopy } from '../position/table-copy.js';
import { copyAgain } from './steps.js';

/**
 * At once when nothing of the table is under way, else when that is done: rows of the range may have been copied already. A copy of
 * the whole table that no shard has begun will read the range anyway.
 */
export function copyRange(entry: TableCopy, wish: RangeWish): TableCopy {
  if (isFinished(entry)) return beginRange(entry, wish);
  const untouched = entry.shards === undefined;
  if (untouched && (!entry.range || entry.range.where === wish.where)) return entry;
  const waiting = entry.waiting ?? [];
  return waiting.some((one) => one.where === wish.where) ? entry : { ...entry, waiting: [...waiting, wish] };
}

/** After a reshard: a range that was under way begins again on the new shards. `entry` is done, and may say of a range that it is not. */
export function rangeAgain({ range, waiting = [], ...done }: TableCopy): TableCopy {
  const [next, ...rest] = range ? [range, ...waiting] : waiting;
  if (!next) return done;
  const { where, start, first, kinds } = next;
  return beginRange(done, { where, start, first, kinds }, rest);
}

/** True when nothing but ranges is owed: every row of the source is at the sink, or on its way there. */
export function owesOnlyRanges(plan: CopyPlan, shards: readonly { readonly keyspace: string; readonly shard: string }[]): boolean {
  for (const { keyspace, table } of plan.tables()) {
    if (plan.isDone(keyspace, table)) continue;
    for (const { shard } of shards.filter((one) => one.keyspace === keyspace)) {
      const done = plan.shard(keyspace, table, shard)?.state === 'done';
      if (!done && !plan.rangeOn(keyspace, table, shard)) return false;
    }
  }
  return true;
}

/**
 * A table whose rows are ahead of their shard (position/since.ts) is copied as a whole instead of a range: changes that the rows outside
 * hold already are kept out, and the rows of the range may be read from a tablet that is not as far. It is a small table.
 */
export function wholeInsteadOfRanges(position: Position): Position {
  let { plan } = position;
  for (const { keyspace, tables } of position.since.marks) {
    for (const table of Object.keys(tables)) {
      const entry = plan.table(keyspace, table);
      if (entry?.range) plan = plan.withTable(keyspace, table, copyAgain(entry));
    }
  }
  return plan === position.plan ? position : position.with({ plan });
}
