import { describe, expect, test } from 'vitest';
import { lastPk } from '../../test/support/wire-events.js';
import { CopyPlan, type PlanJson } from '../position/plan.js';
import { Position } from '../position/position.js';
import { copyShardAgain, restartCopies } from './changes.js';
import { resharded } from './reshard.js';
import { again, copyAfter, copyAgain, newPlan, nextTable, reconcilePlan, removed } from './steps.js';

const ref = (table: string): { keyspace: string; table: string } => ({ keyspace: 'k', table });
const plan = (tables: PlanJson[string]): CopyPlan => CopyPlan.fromJson({ k: tables });
const pending = { state: 'pending', generation: 1 } as const;
const done = { state: 'done', generation: 1 } as const;

describe('the table to copy now', () => {
  test('is the first that waits', () => {
    expect(nextTable(plan({ a: done, b: pending, c: pending }))).toEqual(ref('b'));
    expect(nextTable(plan({ a: done }))).toBeUndefined();
    expect(nextTable(CopyPlan.empty)).toBeUndefined();
  });

  test('is one whose rows are being copied before one that is done on some shards, and that before any other', () => {
    const begun = { ...pending, shards: { '-80': done } };
    const copying = { ...pending, shards: { '-80': { state: 'copying', generation: 1 } } } as const;
    expect(nextTable(plan({ a: pending, b: begun, c: copying }))).toEqual(ref('c'));
    expect(nextTable(plan({ a: pending, b: begun }))).toEqual(ref('b'));
    const back = { ...done, shards: { '-80': again(done) } };
    expect(nextTable(plan({ a: back }))).toEqual(ref('a'));
  });
});

describe('after a group of copied rows', () => {
  const vgtid = (...pending: { table: string; key?: number }[]) => ({
    keyspace: 'k',
    shard: '0',
    gtid: 'g',
    pending: pending.map((one) => ({ table: one.table, hasKey: one.key !== undefined, message: lastPk(one) })),
  });

  test('the last key is kept byte for byte (B47)', () => {
    const copy = copyAfter('a', pending, 5, vgtid({ table: 'z' }, { table: 'a', key: 7 }));
    expect(copy).toEqual({ state: 'copying', generation: 1, lastPk: lastPk({ table: 'a', key: 7 }).toString('base64'), rows: 5 });
    expect(copyAfter('a', copy, 2, vgtid({ table: 'a', key: 9 }))).toMatchObject({
      lastPk: lastPk({ table: 'a', key: 9 }).toString('base64'),
      rows: 7,
    });
  });

  test('an entry without a key takes none away', () => {
    const copy = copyAfter('a', { state: 'copying', generation: 1, lastPk: 'old' }, 0, vgtid({ table: 'a' }));
    expect(copy).toMatchObject({ state: 'copying', lastPk: 'old' });
    expect('lastPk' in copyAfter('a', pending, 0, vgtid({ table: 'a' }))).toBe(false);
  });

  test('a vector that names the table no more says it is done', () => {
    expect(copyAfter('a', { state: 'copying', generation: 3, lastPk: 'old', rows: 5 }, 1, vgtid({ table: 'b', key: 1 }))).toEqual({
      state: 'done',
      generation: 3,
      rows: 6,
    });
  });
});

describe('a changed selection', () => {
  const wanted = (table: string, more: { copy?: boolean; fingerprint?: string; generation?: number } = {}) => ({
    ...ref(table),
    copy: true,
    ...more,
  });

  test('that changes nothing leaves the plan as it is', () => {
    const before = plan({ a: { ...done, fingerprint: 'f' }, b: pending });
    expect(reconcilePlan(before, [wanted('a', { fingerprint: 'f' }), wanted('b')])).toBe(before);
  });

  test('adds new tables as pending, or as done when their rows are not wanted', () => {
    const after = reconcilePlan(plan({ a: done }), [
      wanted('a'),
      wanted('b', { fingerprint: 'f', generation: 4 }),
      wanted('c', { copy: false }),
    ]);
    expect(after.toJson()).toEqual({ k: { a: done, b: { state: 'pending', generation: 4, fingerprint: 'f' }, c: done } });
  });

  test('remembers the generation of a table that leaves, and copies it as the next when it comes back', () => {
    const left = reconcilePlan(plan({ a: { ...pending, shards: { '-80': { state: 'done', generation: 3 } } }, b: done }), [wanted('b')]);
    expect(left.toJson()).toEqual({ k: { a: { state: 'done', generation: 3, removed: true }, b: done } });
    expect(left.done).toBe(true);
    expect(reconcilePlan(left, [wanted('b')])).toBe(left);
    expect(reconcilePlan(left, [wanted('a', { fingerprint: 'f' }), wanted('b')]).table('k', 'a')).toEqual({
      state: 'pending',
      generation: 4,
      fingerprint: 'f',
    });
    expect(reconcilePlan(left, [wanted('a', { copy: false }), wanted('b')]).table('k', 'a')).toEqual({ state: 'done', generation: 3 });
  });

  test('restarts a table whose fingerprint differs, as a generation newer than on any shard', () => {
    const before = plan({ a: { ...done, fingerprint: 'f', shards: { '-80': { state: 'copying', generation: 2, lastPk: 'key' } } } });
    expect(reconcilePlan(before, [wanted('a', { fingerprint: 'g' })]).table('k', 'a')).toEqual({
      state: 'pending',
      generation: 3,
      fingerprint: 'g',
    });
  });

  test('only notes the fingerprint of a table that is not copied, or had none', () => {
    expect(
      reconcilePlan(plan({ a: { ...done, fingerprint: 'f' } }), [wanted('a', { copy: false, fingerprint: 'g' })]).table('k', 'a'),
    ).toEqual({ ...done, fingerprint: 'g' });
    expect(reconcilePlan(plan({ a: done }), [wanted('a', { fingerprint: 'g' })]).table('k', 'a')).toEqual({ ...done, fingerprint: 'g' });
  });
});

describe('copying again', () => {
  test('on one shard, and on all', () => {
    expect(again({ state: 'copying', generation: 2, lastPk: 'key', rows: 9 })).toEqual({ state: 'pending', generation: 3 });
    expect(copyAgain({ ...done, fingerprint: 'f', rows: 9, shards: { '-80': { state: 'copying', generation: 5 } } })).toEqual({
      state: 'pending',
      generation: 6,
      fingerprint: 'f',
    });
    expect(removed({ ...done, fingerprint: 'f', rows: 9 })).toEqual({ state: 'done', generation: 1, removed: true });
  });

  test('a new plan copies what is wanted', () => {
    expect(
      newPlan([
        { ...ref('a'), copy: true, fingerprint: 'f' },
        { ...ref('b'), copy: false, generation: 2 },
      ]).toJson(),
    ).toEqual({
      k: { a: { ...pending, fingerprint: 'f' }, b: { state: 'done', generation: 2 } },
    });
  });
});

test('a shard that is copied again waits for no end of a transaction it was inside: it is in the snapshot, or gone', () => {
  const partial = ['-80', '80-'].map((shard) => ({ keyspace: 'k', shard, gtid: 'u:5', applied: 3, parts: 1 }));
  const position = new Position(
    partial.map(({ keyspace, shard }) => ({ keyspace, shard, gtid: 'MySQL56/ba05c1f7-e695-11f1-830a-02fc00000001:1-4' })),
    newPlan([{ keyspace: 'k', table: 't', copy: false }]),
    0,
    partial,
  );
  expect(copyShardAgain(position, [{ keyspace: 'k', table: 't' }], 'k', '-80').partial).toEqual([partial[1]]);
});

test('a copy that begins anew forgets what was counted of a transaction: its changes are not among those that come again', () => {
  const partial = [{ keyspace: 'k', shard: '0', gtid: 'u:5', applied: 3, parts: 1 }];
  const at = { state: 'copying', generation: 1, lastPk: 'x' } as const;
  const position = new Position(
    [{ keyspace: 'k', shard: '0', gtid: 'MySQL56/u:1-4' }],
    plan({ t: { ...pending, shards: { '0': at } } }),
    0,
    partial,
  );
  expect(restartCopies(position, () => undefined)).toBe(position);
  const [keyless, behind] = [undefined, 'START'].map((start) => restartCopies(position, () => ({ start })));
  expect([keyless?.partial, behind?.partial]).toEqual([[], []]);
  expect(keyless?.plan.shard('k', 't', '0')).toEqual({ state: 'pending', generation: 2 });
  expect(behind?.plan.shard('k', 't', '0')).toEqual({ state: 'copying', generation: 2, lastPk: 'START', rows: 0 });
  // Nothing was copied since.
  expect(restartCopies(behind as Position, () => ({ start: 'START' }))).toBe(behind);
});

test('a reshard of one keyspace leaves those alone that had no part in the request', () => {
  const position = new Position(
    [
      { keyspace: 'k', shard: '0', gtid: 'p' },
      { keyspace: 'other', shard: '0', gtid: 'q' },
    ],
    plan({ t: done }),
    2,
  );
  const { shards, reshards } = resharded(
    position,
    ['-80', '80-'].map((shard) => ({ keyspace: 'k', shard, gtid: 'r', pending: [] })),
  );
  expect(reshards).toBe(3);
  expect(shards).toEqual([
    { keyspace: 'k', shard: '-80', gtid: 'r' },
    { keyspace: 'k', shard: '80-', gtid: 'r' },
    { keyspace: 'other', shard: '0', gtid: 'q', reshards: 2 },
  ]);
});
