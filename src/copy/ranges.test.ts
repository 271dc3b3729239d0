/** What a range that is copied again does to the plan: generations, waiting, reshards, marks of gaps. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stillIncomplete, type Incomplete } from '../position/incomplete.js';
import { CopyPlan, highestGeneration, type ShardCopy, type TableCopy } from '../position/plan.js';
import { Position } from '../position/position.js';
import type { RangeWish } from '../position/range-copy.js';
import { wholeGeneration } from '../position/table-copy.js';
import { changePlan, copyShardAgain } from './changes.js';
import { copyRange, owesOnlyRanges, rangeAgain } from './ranges.js';
import { resharded } from './reshard.js';
import { again, nextTable } from './steps.js';

const SHARDS = ['-80', '80-'];
const shards = SHARDS.map((shard) => ({ keyspace: 'k', shard, gtid: 'MySQL56/x:1-5' }));
const wish = (where: string): RangeWish => ({ where, start: 'AA==', first: 'id', kinds: { id: 'number' } });
const table = { keyspace: 'k', table: 't' };
const planOf = (entry: TableCopy): CopyPlan => CopyPlan.empty.withTable('k', 't', entry);
const DONE: TableCopy = { state: 'done', generation: 1, fingerprint: 'f' };
const done = (generation: number): ShardCopy => ({ state: 'done', generation });
const copying = (generation: number): ShardCopy => ({ state: 'copying', generation, lastPk: 'AA==' });

function finish(plan: CopyPlan, generation: number): CopyPlan {
  return SHARDS.reduce((next, shard) => next.withShard('k', 't', shard, done(generation), SHARDS), plan);
}

test('a range of a finished table is the next generation, and the table is finished again when every shard is', () => {
  const begun = planOf(copyRange(DONE, wish('id < 5')));
  expect(begun.table('k', 't')).toEqual({
    state: 'pending',
    generation: 2,
    fingerprint: 'f',
    range: { ...wish('id < 5'), generation: 2 },
    ranged: { after: 1, to: 2 },
  });
  expect(nextTable(begun)).toEqual(table);
  const half = begun.withShard('k', 't', '-80', copying(2), SHARDS).withShard('k', 't', '80-', done(2), SHARDS);
  expect(SHARDS.map((shard) => half.rangeOn('k', 't', shard)?.where)).toEqual(['id < 5', undefined]);
  expect(finish(half, 2).table('k', 't')).toEqual({ state: 'done', generation: 2, fingerprint: 'f', ranged: { after: 1, to: 2 } });
});

test('ranges wait for what is under way and follow in order, each as a generation of its own', () => {
  let plan = planOf({ ...DONE, state: 'pending', shards: { '-80': copying(1) } });
  for (const where of ['id < 5', 'id > 9', 'id < 5']) {
    plan = changePlan(plan, [{ kind: 'recopy', table, range: wish(where) }]);
  }
  expect(plan.table('k', 't')?.waiting?.map((one) => one.where)).toEqual(['id < 5', 'id > 9']);
  plan = finish(plan, 1);
  expect(plan.table('k', 't')).toMatchObject({ state: 'pending', generation: 2, range: { where: 'id < 5' }, waiting: [wish('id > 9')] });
  plan = finish(plan, 2);
  expect(plan.table('k', 't')).toMatchObject({ state: 'pending', generation: 3, range: { where: 'id > 9' }, ranged: { after: 1, to: 3 } });
  expect(finish(plan, 3).done).toBe(true);
});

test('what reads the range anyway makes it superfluous', () => {
  const pending: TableCopy = { state: 'pending', generation: 4 };
  expect(copyRange(pending, wish('id < 5'))).toBe(pending);
  const ranged = copyRange(DONE, wish('id < 5'));
  expect(copyRange(ranged, wish('id < 5'))).toBe(ranged);
  const waiting = copyRange({ ...DONE, shards: { '-80': copying(2) } }, wish('id < 5'));
  for (const entry of [ranged, waiting]) {
    const whole = changePlan(planOf(entry), [{ kind: 'recopy', table }]).table('k', 't');
    expect(whole).toEqual({ state: 'pending', generation: 1 + highestGeneration(entry), fingerprint: 'f' });
    const removed = changePlan(planOf(entry), [{ kind: 'remove', table }]).table('k', 't');
    expect(removed).toEqual({ state: 'done', generation: highestGeneration(entry), removed: true });
  }
});

test('a shard whose table is copied as a whole meanwhile leaves the range to the others', () => {
  const begun = planOf(copyRange(DONE, wish('id < 5')));
  const state = begun.shard('k', 't', '-80') as ShardCopy;
  const mixed = begun.withShard('k', 't', '-80', again(state), SHARDS);
  expect(SHARDS.map((shard) => mixed.rangeOn('k', 't', shard)?.generation)).toEqual([undefined, 2]);
  expect(owesOnlyRanges(begun, shards)).toBe(true);
  expect(owesOnlyRanges(mixed, shards)).toBe(false);
  expect(mixed.withShard('k', 't', '80-', done(2), SHARDS).table('k', 't')?.range).toBeUndefined();
  const purged = SHARDS.reduce((position, shard) => copyShardAgain(position, [table], 'k', shard), new Position(shards, begun));
  expect(purged.plan.table('k', 't')).toEqual({ state: 'pending', generation: 3, fingerprint: 'f' });
});

test('after a reshard a range begins again on the new shards, before those that wait', () => {
  const { range, waiting } = copyRange({ ...copyRange(DONE, wish('id < 5')), shards: { '-80': copying(2) } }, wish('id > 9'));
  expect(rangeAgain({ ...DONE, generation: 2, range, waiting })).toMatchObject({
    state: 'pending',
    generation: 3,
    range: { where: 'id < 5', generation: 3 },
    waiting: [wish('id > 9')],
  });
  expect(rangeAgain(DONE)).toEqual(DONE);
  const under = new Position(
    shards,
    finish(planOf(copyRange(DONE, wish('id < 5'))), 2).withTable('k', 'u', copyRange(DONE, wish('id = 1'))),
  );
  const now = [{ keyspace: 'k', shard: '0', gtid: 'MySQL56/x:1-9', pending: [] }];
  const { plan } = resharded(under, now);
  expect(plan.rangeOn('k', 'u', '0')).toMatchObject({ where: 'id = 1', generation: 3 });
  expect(plan.table('k', 't')).toMatchObject({ state: 'done', generation: 2 });
});

test('a gap is made good by a copy of the whole table, never by ranges of it, and does not come back', () => {
  const mark = (generation: number): Incomplete[] => [{ keyspace: 'k', shard: '-80', reason: 'row-skipped', tables: { t: generation } }];
  const isOpen = (generation: number, plan: CopyPlan): boolean => stillIncomplete(mark(generation), { shards, plan }).length > 0;
  let plan = planOf(copyRange({ ...DONE, generation: 2 }, wish('id < 5')));
  // Rows of before the copy of generation 2 were good when the range began.
  expect([1, 2].map((generation) => isOpen(generation, plan))).toEqual([false, true]);
  plan = finish(plan, 3);
  expect([1, 2, 3].map((generation) => isOpen(generation, plan))).toEqual([false, true, true]);
  plan = finish(changePlan(plan, [{ kind: 'recopy', table, range: wish('id = 1') }]), 4);
  expect([1, 2, 4].map((generation) => isOpen(generation, plan))).toEqual([false, true, true]);
  plan = finish(changePlan(plan, [{ kind: 'recopy', table }]), 5);
  expect([2, 4].map((generation) => isOpen(generation, plan))).toEqual([false, false]);
});

test('whatever happens, generations only grow, a range never outlives its copy, and the position survives its JSON', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('range' as const), where: fc.constantFrom('id < 5', 'id > 9', 'id = 7') }),
    fc.record({ kind: fc.constantFrom('whole' as const, 'purge' as const) }),
    fc.record({ kind: fc.constantFrom('copy' as const, 'end' as const, 'restart' as const), shard: fc.constantFrom(...SHARDS) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      let position = new Position(shards, planOf(DONE));
      let highest = new Map(SHARDS.map((shard) => [shard, 1]));
      for (const one of steps) {
        const { plan } = position;
        if (one.kind === 'range') position = position.with({ plan: changePlan(plan, [{ kind: 'recopy', table, range: wish(one.where) }]) });
        else if (one.kind === 'whole') position = position.with({ plan: changePlan(plan, [{ kind: 'recopy', table }]) });
        else if (one.kind === 'purge') position = copyShardAgain(position, [table], 'k', '-80');
        else if ('shard' in one) {
          const state = plan.shard('k', 't', one.shard) as ShardCopy;
          const next = { copy: { ...state, state: 'copying' as const }, end: { ...state, state: 'done' as const }, restart: again(state) }[
            one.kind
          ];
          if (one.kind === 'restart' ? state.state === 'done' : state.state !== 'done') {
            position = position.with({ plan: plan.withShard('k', 't', one.shard, next, SHARDS) });
          }
        }
        const entry = position.plan.table('k', 't') as TableCopy;
        for (const shard of SHARDS) {
          const now = position.plan.shard('k', 't', shard) as ShardCopy;
          expect(now.generation).toBeGreaterThanOrEqual(highest.get(shard) ?? 0);
          highest = new Map([...highest, [shard, now.generation]]);
          expect(wholeGeneration(entry, shard)).toBeLessThanOrEqual(now.generation);
          const range = position.plan.rangeOn('k', 't', shard);
          if (range) expect(wholeGeneration(entry, shard)).toBeLessThan(range.generation);
        }
        if (entry.range) expect(SHARDS.some((shard) => position.plan.rangeOn('k', 't', shard))).toBe(true);
        if (position.plan.done) expect(entry.waiting).toBeUndefined();
        expect(Position.parse(JSON.stringify(position)).toString()).toBe(position.toString());
      }
    }),
  );
});

test.each([
  { range: { where: 'id < 5', start: '', first: 'id', kinds: { id: 'number' } } },
  { range: { ...wish('id < 5'), generation: 2, kinds: { id: 'weight' } } },
  { waiting: [{ where: 5 }] },
  { waiting: 'id < 5' },
  { ranged: { after: 1 } },
])('a position with %j in its plan is refused', (more) => {
  const copy = { k: { t: { ...DONE, ...more } } };
  expect(() => Position.parse({ version: 1, shards, copy })).toThrow(/`copy` is not a copy plan/);
});
