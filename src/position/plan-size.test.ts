import { describe, expect, test } from 'vitest';
import { fitsBeside } from '../copy/beside.js';
import { again, copyAfter } from '../copy/steps.js';
import { withMark } from './incomplete.js';
import { CopyPlan, type TableCopy } from './plan.js';
import { Position } from './position.js';

// The largest position design.md promises to hold under 1 MB: it is written whole at each checkpoint.
const KEYSPACE = 'commerce';
const TABLES = Array.from({ length: 5_000 }, (_, index) => `a_table_of_usual_name_${String(index).padStart(5, '0')}`);
const hex = (n: number): string => (n % 256 === 0 ? '' : n.toString(16).padStart(2, '0'));
const SHARDS = Array.from({ length: 256 }, (_, index) => `${hex(index)}-${hex(index + 1)}`);
const GTID = `MySQL56/${[0, 1, 2].map((index) => `ba05c1f7-e695-11f1-830a-02fc0000000${index}:1-123456789`).join(',')}`;
const VECTOR = SHARDS.map((shard) => ({ keyspace: KEYSPACE, shard, gtid: GTID }));

/** Keys of tables are of few kinds, in most databases of one. */
const fingerprint = (index: number): string => `x3Yb0cQm${10 + (index % 20)}`;
const rows = (index: number): number => (index * 104_729) % 1_000_000;
const doneTable = (index: number): TableCopy => ({ state: 'done', generation: 1, fingerprint: fingerprint(index), rows: rows(index) });
const pendingTable = (index: number): TableCopy => ({ state: 'pending', generation: 1, fingerprint: fingerprint(index) });

function planOf(entry: (index: number) => TableCopy): CopyPlan {
  return CopyPlan.empty.withTables(TABLES.map((table, index) => [{ keyspace: KEYSPACE, table }, entry(index)]));
}

/** A `TableLastPK` of four columns. */
const lastPk = (shard: string): Buffer => Buffer.from(`${shard} `.repeat(60).slice(0, 300));

/** The table under way on every shard, each at its own key. */
function underWay(plan: CopyPlan, table: string): CopyPlan {
  return SHARDS.reduce((before, shard, index) => {
    const state = before.shard(KEYSPACE, table, shard) ?? { state: 'pending', generation: 1 };
    const pending = [{ table, hasKey: true, message: lastPk(shard) }];
    return before.withShard(
      KEYSPACE,
      table,
      shard,
      copyAfter(table, state, rows(index), { keyspace: KEYSPACE, shard, gtid: GTID, pending }),
      SHARDS,
    );
  }, plan);
}

/** Each table as it is after `change`. */
function changed(plan: CopyPlan, change: (plan: CopyPlan, table: string, index: number) => CopyPlan): CopyPlan {
  return plan.withTables(TABLES.map((table, index) => [{ keyspace: KEYSPACE, table }, change(plan, table, index).table(KEYSPACE, table)]));
}

/** Length of the text that is stored; read again it is the same position. */
function stored(position: Position): number {
  const text = position.toString();
  expect(Position.parse(text).equals(position)).toBe(true);
  return text.length;
}

describe('a position of 5,000 tables on 256 shards', () => {
  test('takes 20 bytes and its name for a table that is done', () => {
    const vector = stored(new Position(VECTOR));
    const bytes = stored(new Position(VECTOR, planOf(doneTable)));
    expect((bytes - vector) / TABLES.length).toBeLessThan((TABLES[0]?.length ?? 0) + 20);
    expect(bytes).toBeLessThan(270_000);
  });

  test('stays under 400 kB while one table is under way at another key on each shard', () => {
    const plan = underWay(
      planOf((index) => (index < 2_500 ? doneTable(index) : pendingTable(index))),
      TABLES[2_500] ?? '',
    );
    expect(plan.first('copying')).toEqual({ keyspace: KEYSPACE, table: TABLES[2_500] });
    expect(stored(new Position(VECTOR, plan))).toBeLessThan(400_000);
  });

  test('stays under 600 kB with as many tables ahead of their shards as may be, and one under way', () => {
    const plan = underWay(
      planOf((index) => (index < 2_500 ? doneTable(index) : pendingTable(index))),
      TABLES[2_500] ?? '',
    );
    let position = new Position(VECTOR, plan);
    const waiting = TABLES.slice(2_501);
    for (const [index, table] of waiting.entries()) {
      if (!fitsBeside(position, { keyspace: KEYSPACE, table })) {
        expect(index).toBeGreaterThan(0);
        expect(stored(position)).toBeLessThan(600_000);
        return;
      }
      const gtid = `${GTID}${index}`;
      position = position.with({
        since: SHARDS.reduce((since, shard) => since.with(KEYSPACE, shard, table, { generation: 1, gtid }), position.since),
      });
    }
    expect.fail('nothing limits the marks');
  });

  test('stays under 1 MB where no two tables have the same key', () => {
    const unlike = (index: number): string => `x3Yb0${10_000 + index}`;
    const plan = planOf((index) => ({ ...(index < 2_500 ? doneTable(index) : pendingTable(index)), fingerprint: unlike(index) }));
    expect(stored(new Position(VECTOR, underWay(plan, TABLES[2_500] ?? '')))).toBeLessThan(800_000);
  });

  test('stays under 1 MB when every table is copied again on several shards, before, meanwhile and after', () => {
    const shards = SHARDS.slice(0, 2);
    const tables = Object.fromEntries(TABLES.map((table) => [table, 1]));
    let plan = planOf(doneTable);
    let incomplete = new Position(VECTOR).incomplete;
    for (const shard of shards) {
      incomplete = withMark(incomplete, { keyspace: KEYSPACE, shard, reason: 'transaction-skipped', tables });
      plan = changed(plan, (before, table) => {
        const state = before.shard(KEYSPACE, table, shard) ?? { state: 'done', generation: 1 };
        return before.withShard(KEYSPACE, table, shard, again(state), SHARDS);
      });
    }
    expect(plan.doneOn(KEYSPACE, SHARDS[0] ?? '')).toBe(false);
    expect(stored(new Position(VECTOR, plan, 0, [], incomplete))).toBeLessThan(650_000);
    plan = changed(plan, (before, table, index) =>
      shards.reduce(
        (one, shard) => one.withShard(KEYSPACE, table, shard, { state: 'done', generation: 2, rows: rows(index) }, SHARDS),
        before,
      ),
    );
    expect(plan.done).toBe(true);
    expect(plan.table(KEYSPACE, TABLES[7] ?? '')?.rows).toBe(3 * rows(7));
    expect(stored(new Position(VECTOR, plan))).toBeLessThan(300_000);
  });
});
