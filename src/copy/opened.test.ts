import { describe, expect, test } from 'vitest';
import { CopyPlan, type PlanJson } from '../position/plan.js';
import { Position } from '../position/position.js';
import { open, reopen } from './opened.js';

const ref = (table: string): { keyspace: string; table: string } => ({ keyspace: 'k', table });
const plan = (tables: PlanJson[string]): CopyPlan => CopyPlan.fromJson({ k: tables });
const entries = (one: CopyPlan): PlanJson[string] | undefined => one.toJson()['k'];
const gtid = 'MySQL56/11111111-1111-1111-1111-111111111111:1-5';
const pending = { state: 'pending', generation: 1 } as const;
const done = { state: 'done', generation: 1 } as const;
const opened = { ...pending, opened: true } as const;
const isSmall = (): boolean => true;

describe('a table is opened', () => {
  test('once, and alone when it is no small one', () => {
    const once = open(plan({ a: pending, b: pending }), ref('a'));
    expect(entries(once)).toEqual({ a: opened, b: pending });
    expect(open(once, ref('a'), isSmall)).toBe(once);
  });

  test('with the next small ones that nobody opened, sixteen in all', () => {
    const names = Array.from({ length: 30 }, (_, n) => `t${n}`);
    const before = plan({ done, ...Object.fromEntries(names.map((one) => [one, pending])) });
    const after = open(before, ref('t3'), ({ table }) => table !== 't1');
    const now = names.filter((one) => after.table('k', one)?.opened);
    expect(now).toEqual(['t0', ...names.slice(2, 17)]);
    expect(after.table('k', 'done')).toEqual(done);
  });

  test('until it is done on every shard, whatever becomes of each', () => {
    const shards = ['-80', '80-'];
    let one = open(plan({ a: pending }), ref('a'));
    one = one.withShard('k', 'a', '-80', { state: 'copying', generation: 1, lastPk: 'x' }, shards);
    expect(one.table('k', 'a')?.opened).toBe(true);
    one = one.withShard('k', 'a', '80-', { state: 'done', generation: 1, rows: 3 }, shards);
    expect(one.table('k', 'a')?.opened).toBe(true);
    one = one.withShard('k', 'a', '-80', { state: 'done', generation: 1, rows: 4 }, shards);
    expect(entries(one)).toEqual({ a: { state: 'done', generation: 1, rows: 7 } });
  });
});

describe('a stored position is resumed', () => {
  const at = (tables: PlanJson[string], left = gtid): Position =>
    new Position(
      [
        { keyspace: 'k', shard: '-80', gtid: left },
        { keyspace: 'k', shard: '80-', gtid },
        { keyspace: 'other', shard: '-80', gtid },
      ],
      plan(tables),
    );
  const resumed = (position: Position, start: string | undefined = 'START'): PlanJson[string] | undefined =>
    entries(reopen(position, () => start).plan);

  test('without what was counted of a transaction: the changes of such a table come with it now', () => {
    const partial = [{ keyspace: 'k', shard: '80-', gtid: 'u:6', applied: 3, parts: 1 }];
    expect(reopen(at({ a: opened }).with({ partial }), () => 'START').partial).toEqual([]);
    expect(reopen(at({ a: pending }).with({ partial }), () => 'START').partial).toEqual(partial);
  });

  test('as it is when no table was opened', () => {
    const position = at({ a: pending, b: done });
    expect(reopen(position, () => 'START')).toBe(position);
  });

  test('behind a key before all rows, where the copy of an opened table had none', () => {
    const copying = { state: 'copying', generation: 1, lastPk: 'START', rows: 0 } as const;
    expect(resumed(at({ a: opened, b: pending }))).toEqual({ a: { ...pending, shards: { '-80': copying, '80-': copying } }, b: pending });
    const half = { ...opened, shards: { '-80': { state: 'copying', generation: 1, lastPk: 'own', rows: 8 } as const } };
    expect(resumed(at({ a: half }))).toEqual({ a: { ...pending, shards: { ...half.shards, '80-': copying } } });
    const left = { ...opened, shards: { '-80': { state: 'done', generation: 1, rows: 8 } as const } };
    expect(resumed(at({ a: left }))).toEqual({ a: { ...pending, shards: { ...left.shards, '80-': copying } } });
  });

  test('from the first row on a shard without a position: nothing was handed out of it', () => {
    const copying = { state: 'copying', generation: 1, lastPk: 'START', rows: 0 } as const;
    expect(resumed(at({ a: opened }, ''))).toEqual({ a: { ...pending, shards: { '80-': copying } } });
  });

  test('as a new generation of a table without a primary key, where it was not done', () => {
    const left = { ...opened, shards: { '-80': { state: 'done', generation: 1, rows: 8 } as const } };
    const after = reopen(at({ a: left }), () => undefined).plan;
    expect(after.shard('k', 'a', '-80')).toMatchObject({ state: 'done', generation: 1 });
    expect(after.shard('k', 'a', '80-')).toEqual({ state: 'pending', generation: 2 });
  });

  test('behind its own key in a range, whose changes come in any case', () => {
    const range = { where: 'id > 5', start: 'own', first: 'id', kinds: { id: 'number' as const }, generation: 2 };
    const entry = { state: 'pending', generation: 2, range } as const;
    expect(resumed(at({ a: { ...entry, opened: true } }))).toEqual({ a: entry });
  });
});
