/** Tables copied ahead of their shard: which changes their rows hold already, and until when. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseGtidSet } from './gtid.js';
import { CopyPlan } from './plan.js';
import { Position } from './position.js';
import { isHeld, isSinceList, Since } from './since.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const OTHER = 'ba05c1f7-e695-11f1-830a-02fc00000002';
const set = (n: number): string => `MySQL56/${UUID}:1-${n}`;
const parsed = (text: string) => parseGtidSet(text) ?? new Map();
const done = (generation = 1) => ({ state: 'done' as const, generation });
const plan = CopyPlan.empty.withTable('shop', 'a', done()).withTable('shop', 'b', done());
const at = (left: number, right: number, copied = plan): Position =>
  new Position(
    [
      { keyspace: 'shop', shard: '-80', gtid: set(left) },
      { keyspace: 'shop', shard: '80-', gtid: set(right) },
    ],
    copied,
  );
const marks = Since.none
  .with('shop', '-80', 'a', { generation: 1, gtid: set(7) })
  .with('shop', '80-', 'a', { generation: 1, gtid: set(3) })
  .with('shop', '-80', 'b', { generation: 1, gtid: set(7) });

describe('marks of a position', () => {
  test('tables that share a snapshot share a mark', () => {
    expect(marks.marks).toEqual([
      { keyspace: 'shop', shard: '-80', gtid: set(7), tables: { a: 1, b: 1 } },
      { keyspace: 'shop', shard: '80-', gtid: set(3), tables: { a: 1 } },
    ]);
    expect(marks.table('shop', '-80', 'b')).toEqual({ generation: 1, set: parsed(set(7)) });
    expect(marks.table('shop', '80-', 'b')).toBeUndefined();
    expect([marks.on('shop', '80-'), marks.on('shop', '-40')]).toEqual([true, false]);
  });

  test('a mark holds until its shard has reached the snapshot', () => {
    expect(marks.open(at(6, 2))).toBe(marks);
    expect(marks.open(at(7, 2)).marks.map((one) => one.shard)).toEqual(['80-']);
    expect(marks.open(at(6, 9)).marks.map((one) => one.shard)).toEqual(['-80']);
    expect(marks.open(at(8, 3))).toBe(Since.none);
  });

  test('a mark says nothing of rows that are copied again, nor of a shard that is no more', () => {
    const again = plan.withTable('shop', 'a', { state: 'pending', generation: 2 });
    expect(marks.open(at(6, 2, again)).marks).toEqual([{ keyspace: 'shop', shard: '-80', gtid: set(7), tables: { b: 1 } }]);
    expect(marks.open(at(6, 2, plan.withTable('shop', 'a', done(2)))).marks.map((one) => one.tables)).toEqual([{ b: 1 }]);
    expect(marks.open(new Position([{ keyspace: 'shop', shard: '-40', gtid: set(1) }], plan))).toBe(Since.none);
  });

  test('a position carries them through JSON, and is not copied before they are reached', () => {
    const position = at(6, 3).with({ since: marks }).settled();
    expect(position.copied).toBe(false);
    expect(JSON.parse(position.toString())).toEqual(JSON.parse(JSON.stringify(position)));
    const read = Position.parse(position.toString());
    expect(read.equals(position)).toBe(true);
    expect(read.since.table('shop', '-80', 'a')).toEqual({ generation: 1, set: parsed(set(7)) });
    expect(read.with({ shards: at(7, 3).shards }).settled().copied).toBe(true);
    expect(Position.parse(JSON.stringify(at(1, 1))).since).toBe(Since.none);
  });

  test.each([
    [{}],
    [[{ keyspace: 'k', shard: '0', gtid: 'nonsense', tables: { a: 1 } }]],
    [[{ keyspace: 'k', shard: '0', gtid: set(1), tables: { a: 0 } }]],
    [[{ keyspace: 'k', shard: 0, gtid: set(1), tables: {} }]],
  ])('%j is no list of marks', (value) => {
    expect(isSinceList(value)).toBe(false);
    expect(() => Position.parse({ ...at(1, 1).toJSON(), since: value })).toThrow('`since` is not a list of snapshots');
  });
});

describe('what rows of a snapshot hold', () => {
  test('a transaction is held when its GTID is in the set, wherever the shard is', () => {
    const since = parsed(`MySQL56/${UUID}:1-5:9,${OTHER}:1-2`);
    const held = (gtid: string): boolean => isHeld(since, gtid, set(3));
    expect([held(`${UUID}:5`), held(`${UUID}:9`), held(`${OTHER}:2`), held(`MySQL56/${UUID}:4`)]).toEqual([true, true, true, true]);
    expect([held(`${UUID}:6`), held(`${OTHER}:3`)]).toEqual([false, false]);
  });

  test('one that does not say its GTID is held until the shard has reached the snapshot', () => {
    expect(isHeld(parsed(set(5)), undefined, set(4))).toBe(true);
    expect(isHeld(parsed(set(5)), undefined, set(5))).toBe(false);
  });
});

/** A table of one shard as its history: what each transaction does to it. */
type Step = { readonly do: 'put' | 'delete'; readonly key: number } | { readonly do: 'truncate' } | { readonly do: 'elsewhere' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('put' as const, 'delete' as const), key: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'truncate' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'elsewhere' as const }) },
);

function play(rows: Map<number, number>, one: Step, n: number): void {
  if (one.do === 'put') rows.set(one.key, n);
  else if (one.do === 'delete') rows.delete(one.key);
  else if (one.do === 'truncate') rows.clear();
}

test('rows of a snapshot, and the changes behind a position before it that they do not hold, are the table', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.nat(30), fc.nat(30), fc.nat(30), (history, a, b, c) => {
      // Stored position <= snapshot; the stream is cut and resumed at `stop` on its way.
      const [stored, snapshot] = [Math.min(a, b, history.length), Math.min(Math.max(a, b), history.length)];
      const stop = Math.min(stored + c, history.length);
      const source = new Map<number, number>();
      history.slice(0, snapshot).forEach((one, index) => play(source, one, index + 1));
      const sink = new Map(source);
      history.slice(snapshot).forEach((one, index) => play(source, one, snapshot + index + 1));
      const copied = CopyPlan.empty.withTable('shop', 't', done());
      const vector = (n: number) => [{ keyspace: 'shop', shard: '0', gtid: n === 0 ? 'MySQL56/' : set(n) }];
      let position = new Position(vector(stored), copied);
      const gtid = snapshot === 0 ? 'MySQL56/' : set(snapshot);
      position = position.with({ since: position.since.with('shop', '0', 't', { generation: 1, gtid }) }).settled();
      const applied: number[] = [];
      history.forEach((one, index) => {
        const n = index + 1;
        if (n <= stored) return;
        const since = position.since.table('shop', '0', 't')?.set;
        if (!since || !isHeld(since, `${UUID}:${n}`, position.gtid('shop', '0') ?? '')) {
          play(sink, one, n);
          applied.push(n);
        }
        position = position.with({ shards: vector(n) }).settled();
        if (n === stop) position = Position.parse(position.toString());
      });
      expect(sink).toEqual(source);
      expect(applied).toEqual(history.map((_, index) => index + 1).slice(snapshot));
      expect(position.since.isEmpty).toBe(true);
    }),
  );
});
