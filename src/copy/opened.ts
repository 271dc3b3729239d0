/**
 * What may have been handed out of a table whose position was lost. Pure. Layer 3.
 *
 * A consumer that stores positions apart from rows can be killed with rows and without the position behind them. A copy that then began
 * again would read a later snapshot, and a row deleted between the two would stay at the consumer: nothing says that it is gone. So
 * the position says that a table's copy was opened before its first row is handed out. Who resumes from there asks for the rows behind
 * a key that lies before all of them: then the server sends all changes since, those deletes among them.
 */
import type { CopyPlan, TableCopy } from '../position/plan.js';
import type { Position } from '../position/position.js';
import { isSymbolicGtid } from '../position/gtid.js';
import type { TableRef } from '../schema/table.js';
import { shardNames, withPlan } from './changes.js';
import { again } from './steps.js';

/** Small tables that are opened together: one stored position for all of them. Each costs a second if the process dies among them. */
const TOGETHER = 16;

/** A plan that says the table's copy was opened; `small`: and the next ones that are like it. The same plan when it says so already. */
export function open(plan: CopyPlan, table: TableRef, small?: (table: TableRef) => boolean): CopyPlan {
  const entry = plan.table(table.keyspace, table.table);
  if (!entry || entry.opened) return plan;
  const opened: [TableRef, TableCopy][] = [[table, { ...entry, opened: true }]];
  if (!small) return plan.withTable(...namesOf(table), opened[0]?.[1]);
  for (const { keyspace, table: name, entry: next } of plan.tables()) {
    if (opened.length >= TOGETHER) break;
    const isOther = keyspace !== table.keyspace || name !== table.table;
    if (isOther && next.state === 'pending' && !next.opened && small({ keyspace, table: name })) {
      opened.push([
        { keyspace, table: name },
        { ...next, opened: true },
      ]);
    }
  }
  return plan.withTables(opened);
}

const namesOf = ({ keyspace, table }: TableRef): [string, string] => [keyspace, table];

/**
 * A position as it was stored, for a process that does not know what was handed out behind it. `startOf` gives the key before all rows
 * of a table; undefined for one without a primary key, which is copied again as a new generation. A shard without a position has
 * handed out nothing.
 */
export function reopen(position: Position, startOf: (table: TableRef) => string | undefined): Position {
  let { plan } = position;
  for (const { keyspace, table, entry } of plan.tables()) {
    if (!entry.opened) continue;
    const { opened: _, ...closed } = entry;
    plan = plan.withTable(keyspace, table, closed);
    const start = startOf({ keyspace, table });
    const names = shardNames(position, keyspace);
    for (const { keyspace: of, shard, gtid } of position.shards) {
      if (of !== keyspace || isSymbolicGtid(gtid)) continue;
      const copy = plan.shard(keyspace, table, shard);
      // A range begins behind such a key in any case.
      if (copy?.state !== 'pending' || plan.rangeOn(keyspace, table, shard)) continue;
      const next = start === undefined ? again(copy) : ({ ...copy, state: 'copying', lastPk: start, rows: 0 } as const);
      plan = plan.withShard(keyspace, table, shard, next, names);
    }
  }
  return withPlan(position, plan);
}
