import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CopyPlan, highestGeneration, type PlanJson, type ShardCopy, type TableCopy } from './plan.js';
import { Position } from './position.js';
import { copyOn, fold } from './table-copy.js';

const SHARDS = ['-40', '40-80', '80-'];
const pending = (generation = 1): TableCopy => ({ state: 'pending', generation });
const done = (generation = 1): ShardCopy => ({ state: 'done', generation });

/** What a reader of the text makes of it. */
function read(plan: CopyPlan): PlanJson {
  const { copy, kinds } = plan.toText();
  return CopyPlan.fromJson(JSON.parse(copy) as PlanJson, kinds === '' ? [] : (JSON.parse(kinds) as TableCopy[])).toJson();
}

/** What `first` finds through its index, looked for in every table. */
function firstByScan(plan: CopyPlan, stage: string): { keyspace: string; table: string } | undefined {
  for (const { keyspace, table, entry } of plan.tables()) {
    const shards = Object.values(entry.shards ?? {});
    if (entry.state === 'done' && shards.every(({ state }) => state === 'done')) continue;
    const own = shards.some(({ state }) => state === 'copying') ? 'copying' : shards.length > 0 ? 'begun' : 'untouched';
    if (own === stage) return { keyspace, table };
  }
  return undefined;
}

describe('the copy plan', () => {
  test('says for every shard what was last put there, folded or not', () => {
    const state = fc.record({
      table: fc.constantFrom('a', 'b', '__proto__'),
      shard: fc.constantFrom(...SHARDS),
      copy: fc.record({
        state: fc.constantFrom('pending' as const, 'copying' as const, 'done' as const),
        generation: fc.integer({ min: 1, max: 3 }),
      }),
    });
    fc.assert(
      fc.property(fc.array(state, { maxLength: 25 }), (changes) => {
        let plan = CopyPlan.empty.withTables([
          [{ keyspace: 'k', table: 'a' }, pending()],
          [
            { keyspace: 'k', table: 'b' },
            { state: 'done', generation: 2 },
          ],
        ]);
        const model = new Map<string, ShardCopy>();
        for (const shard of SHARDS) {
          model.set(`a ${shard}`, pending());
          model.set(`b ${shard}`, done(2));
        }
        for (const { table, shard, copy } of changes) {
          if (!plan.table('k', table)) for (const one of SHARDS) model.set(`${table} ${one}`, pending());
          const entry = plan.table('k', table) ?? pending();
          plan = plan.withShard('k', table, shard, copy, SHARDS);
          // The short way and the long way to the same entry.
          expect(plan.table('k', table)).toEqual(
            fold(
              entry,
              SHARDS.map((one) => [one, one === shard ? copy : copyOn(entry, one)]),
            ),
          );
          model.set(`${table} ${shard}`, copy);
          // Asked in between, as the stream does: what was found out must not outlive its plan.
          expect(plan.first('copying')).toEqual(firstByScan(plan, 'copying'));
          for (const one of SHARDS) plan.doneOn('k', one);
          expect(read(plan)).toEqual(plan.toJson());
        }
        const back = CopyPlan.fromJson(JSON.parse(JSON.stringify(plan.toJson())) as PlanJson);
        for (const one of [plan, back]) {
          for (const [key, copy] of model) {
            const [table, shard] = key.split(' ') as [string, string];
            expect(one.shard('k', table, shard)).toMatchObject({ state: copy.state, generation: copy.generation });
          }
          const states = (table: string): string[] => SHARDS.map((shard) => model.get(`${table} ${shard}`)?.state ?? 'done');
          const tables = [...one.tables()].map(({ table }) => table);
          for (const table of tables) expect(one.isDone('k', table)).toBe(states(table).every((state) => state === 'done'));
          expect(one.done).toBe(tables.every((table) => one.isDone('k', table)));
          SHARDS.forEach((shard, index) => expect(one.doneOn('k', shard)).toBe(tables.every((table) => states(table)[index] === 'done')));
          expect(one.size).toBe(tables.length);
          for (const stage of ['copying', 'begun', 'untouched'] as const) expect(one.first(stage)).toEqual(firstByScan(one, stage));
        }
        expect(back.toJson()).toEqual(plan.toJson());
        expect(plan.toText()).toEqual({ copy: JSON.stringify(plan.toJson()), kinds: '' });
      }),
    );
  });

  test('as text is what it is as JSON: several keyspaces, tables that come and go, names of any kind', () => {
    const name = fc.constantFrom('a', 'b', '__proto__', 'quo"te', '2024', 'ü');
    const change = fc.record({
      keyspace: fc.constantFrom('k', 'l', 'kk'),
      table: name,
      entry: fc.option(fc.constantFrom(pending(), pending(2), { state: 'done' as const, generation: 1, rows: 7 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        let plan = CopyPlan.empty;
        for (const { keyspace, table, entry } of changes) {
          plan = plan.withTable(keyspace, table, entry);
          const position = new Position([{ keyspace: 'k', shard: '0', gtid: '' }], plan);
          expect(read(plan)).toEqual(plan.toJson());
          expect(JSON.parse(position.toString())).toEqual(JSON.parse(JSON.stringify(position)));
        }
      }),
    );
  });

  test('is written without what another stream in the process shares: all begin with the same empty plan', () => {
    const copied = (entry: TableCopy): string[] => {
      let plan = CopyPlan.empty;
      const kinds: string[] = [];
      for (let index = 0; index < 20; index++) {
        plan = plan.withTable('k', `t${index}`, entry);
        kinds.push(plan.toText().kinds);
      }
      expect(read(plan)).toEqual(plan.toJson());
      return [...new Set(kinds)];
    };
    expect(copied(pending(1))).toEqual(['', JSON.stringify([pending(1)])]);
    expect(copied(pending(2))).toEqual(['', JSON.stringify([pending(2)])]);
  });

  test('is the same plan when what many tables share was written once, however it was reached', () => {
    const entry = fc.constantFrom<TableCopy>(
      pending(),
      { state: 'done', generation: 1, fingerprint: 'f' },
      { state: 'done', generation: 1, fingerprint: 'f', rows: 7 },
      { state: 'done', generation: 2, fingerprint: 'f', rows: 0, shards: { '-40': { state: 'pending', generation: 3 } } },
      { state: 'done', generation: 3, removed: true },
      { state: 'pending', generation: 1, shards: { '-40': { state: 'copying', generation: 1, lastPk: 'eA==' } } },
    );
    const change = fc.record({ table: fc.nat({ max: 40 }), entry: fc.option(entry, { nil: undefined }) });
    const base = fc.array(entry, { minLength: 20, maxLength: 40 });
    let shared = 0;
    fc.assert(
      fc.property(base, fc.array(change, { maxLength: 12 }), (entries, changes) => {
        let plan = CopyPlan.empty.withTables(entries.map((one, index) => [{ keyspace: 'k', table: `t${index}` }, one]));
        for (const { table, entry: to } of [{ table: 0, entry: entries[0] }, ...changes]) {
          plan = plan.withTable('k', `t${table}`, to);
          expect(read(plan)).toEqual(plan.toJson());
          if (plan.toText().kinds !== '') shared++;
          const position = new Position([{ keyspace: 'k', shard: '0', gtid: '' }], plan);
          const back = Position.parse(position.toString());
          expect(back.plan.toJson()).toEqual(plan.toJson());
          expect([...back.plan.tables()]).toEqual([...plan.tables()]);
          // Written anew, an entry that lay over the others can get a number.
          expect(Position.parse(back.toString()).equals(position)).toBe(true);
          expect(back.with({ plan: plan.withTable('k', 'other', pending()) }).equals(position)).toBe(false);
        }
      }),
      { numRuns: 40 },
    );
    expect(shared).toBeGreaterThan(20);
  });

  test('is never changed by what is derived from it', () => {
    const plan = CopyPlan.empty.withTable('k', 'a', pending()).withTable('k', 'b', pending());
    const before = JSON.stringify(plan.toJson());
    plan.withShard('k', 'a', '-40', done(), SHARDS);
    plan.withTable('k', 'b', undefined);
    plan.withTable('k', 'c', pending());
    expect(JSON.stringify(plan.toJson())).toBe(before);
    expect(plan.size).toBe(2);
  });

  test('keeps the order of tables, whichever is under way', () => {
    let plan = CopyPlan.empty;
    for (const table of ['c', 'a', 'b']) plan = plan.withTable('k', table, pending());
    plan = plan
      .withShard('k', 'a', '-40', { state: 'copying', generation: 1 }, SHARDS)
      .withShard('k', 'b', '-40', done(), SHARDS)
      .withShard('k', 'c', '80-', done(), SHARDS);
    expect([...plan.tables()].map((one) => one.table)).toEqual(['c', 'a', 'b']);
  });

  test('a table done on every shard is done, also when one was copied twice', () => {
    let plan = CopyPlan.empty.withTable('k', 'a', { ...pending(), fingerprint: 'f' });
    plan = plan
      .withShard('k', 'a', '-40', { state: 'done', generation: 2, rows: 5 }, SHARDS)
      .withShard('k', 'a', '40-80', { ...done(), rows: 7 }, SHARDS);
    expect(plan.isDone('k', 'a')).toBe(false);
    plan = plan.withShard('k', 'a', '80-', { ...done(), rows: 1 }, SHARDS);
    expect(plan.table('k', 'a')).toEqual({
      state: 'done',
      generation: 1,
      fingerprint: 'f',
      rows: 13,
      shards: { '-40': { state: 'done', generation: 2 } },
    });
    expect(plan.done).toBe(true);
    expect(highestGeneration(plan.table('k', 'a') as TableCopy)).toBe(2);
  });

  test('forgets shards that are no more', () => {
    const plan = CopyPlan.fromJson({ k: { a: { state: 'pending', generation: 1, shards: { '0': { state: 'done', generation: 1 } } } } });
    expect(plan.withShard('k', 'a', '-40', done(), SHARDS).table('k', 'a')?.shards).toEqual({ '-40': done() });
  });

  test('unknown tables are done: there is nothing to copy', () => {
    expect(CopyPlan.empty.isDone('k', 'a')).toBe(true);
    expect(CopyPlan.empty.shard('k', 'a', '0')).toBeUndefined();
    expect(CopyPlan.empty.done).toBe(true);
  });
});
