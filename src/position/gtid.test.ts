import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { containsGtids, countGtids, formatGtidSet, type GtidSet, isSymbolicGtid, parseGtidSet, subtractGtids, unionGtids } from './gtid.js';

const A = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const B = '00000000-0000-0000-0000-000000000002';

/** The naive model: every GTID by itself. */
type Naive = ReadonlySet<string>;
const source = fc.constantFrom(A, B, `${A}:tag`, `${A}:other_1`);
const naive: fc.Arbitrary<Naive> = fc
  .uniqueArray(
    fc.tuple(source, fc.integer({ min: 1, max: 20 })).map(([of, n]) => `${of}:${n}`),
    { maxLength: 25 },
  )
  .map((list) => new Set(list));
const text = (set: Naive): string => `MySQL56/${[...set].join(',')}`;
const parse = (value: string): GtidSet => {
  const set = parseGtidSet(value);
  if (!set) throw new Error(`not a set: ${value}`);
  return set;
};
const members = (set: GtidSet): Naive => {
  const all = new Set<string>();
  for (const [of, intervals] of set) for (const [from, to] of intervals) for (let n = from; n <= to; n++) all.add(`${of}:${n}`);
  return all;
};

describe('sets of GTIDs', () => {
  test('add, subtract and compare like sets of single transactions', () => {
    fc.assert(
      fc.property(naive, naive, (x, y) => {
        const [a, b] = [parse(text(x)), parse(text(y))];
        expect(members(a)).toEqual(x);
        expect(members(unionGtids(a, b))).toEqual(new Set([...x, ...y]));
        expect(members(subtractGtids(a, b))).toEqual(new Set([...x].filter((one) => !y.has(one))));
        expect(containsGtids(a, b)).toBe([...y].every((one) => x.has(one)));
        expect(countGtids(a)).toBe(BigInt(x.size));
        expect(members(parse(formatGtidSet(a)))).toEqual(x);
        // Sorted, disjoint and not adjacent: equal sets have equal text, whatever the order they came in (G29).
        expect(formatGtidSet(parse(text(new Set([...x].reverse()))))).toBe(formatGtidSet(a));
      }),
    );
  });

  test('read what servers write', () => {
    expect(formatGtidSet(parse(`MySQL56/${A.toUpperCase()}:1-9:11, ${B}:5`))).toBe(`MySQL56/${B}:5,${A}:1-9:11`);
    expect(formatGtidSet(parse(`${A}:1-5:4-7:8,\n${A}:20`))).toBe(`MySQL56/${A}:1-8:20`);
    expect(formatGtidSet(parse('MySQL56/'))).toBe('MySQL56/');
    expect(countGtids(parse(`${A}:1-9223372036854775807`))).toBe(9223372036854775807n);
  });

  test('keep tags apart, as a source of their own', () => {
    const set = parse(`MySQL56/${A}:1-3:tag:2-4:6:other:9`);
    expect([...set.keys()]).toEqual([A, `${A}:tag`, `${A}:other`]);
    expect(containsGtids(set, parse(`${A}:TAG:3`))).toBe(true);
    expect(containsGtids(set, parse(`${A}:4`))).toBe(false);
    expect(formatGtidSet(parse(formatGtidSet(set)))).toBe(formatGtidSet(set));
  });

  test.each([
    'current',
    'MariaDB/0-1-2',
    'FilePos/binlog.000001:4',
    'nonsense',
    A,
    `${A}:`,
    `${A}:0`,
    `${A}:5-3`,
    `${A}:-1`,
    `${A}:tag`,
    `${A}:tag:`,
    `${A}:tag:other:1`,
    `${A}:1:tag`,
    `x${A}:1`,
    `${A}:1,`,
    `${A}:1;${B}:2`,
    `${A}:1-2-3`,
    `${A}:9tag:1`,
  ])('are not read into %j', (value) => {
    expect(parseGtidSet(value)).toBeUndefined();
  });

  test('of thousands of intervals are compared in one walk', () => {
    const gaps = (from: number): string => `${A}:${Array.from({ length: 20_000 }, (_, index) => from + 2 * index).join(':')}`;
    const [odd, even] = [parse(gaps(1)), parse(gaps(2))];
    expect(countGtids(subtractGtids(odd, even))).toBe(20_000n);
    expect(containsGtids(unionGtids(odd, even), even)).toBe(true);
  });

  test('symbolic positions are none', () => {
    expect(['', 'current', `${A}:1`].map(isSymbolicGtid)).toEqual([true, true, false]);
  });
});
