import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shardsCover, shardsOverlap } from './keyrange.js';

describe('key ranges', () => {
  test.each([
    ['-80', '80-', false],
    ['-80', '40-80', true],
    ['-80', '-80', true],
    ['-40', '40-80', false],
    ['0', '80-', true],
    ['-', '7f-80', true],
    ['80-c0', 'c0-', false],
    ['-8000', '80-', false],
    ['3f00-40', '3f-3f80', true],
  ])('%s and %s overlap: %s', (a, b, expected) => {
    expect(shardsOverlap(a, b)).toBe(expected);
    expect(shardsOverlap(b, a)).toBe(expected);
  });

  test.each([
    ['-80', ['-40'], false],
    ['-80', ['40-80', '-40'], true],
    ['-80', ['-40', '50-80'], false],
    ['-40', ['-80'], true],
    ['0', ['80-', '-80'], true],
    ['0', ['-80'], false],
    ['80-', ['80-c0', 'c0-'], true],
    ['80-', [], false],
  ])('%s is covered by %j: %s', (shard, by, expected) => {
    expect(shardsCover(shard, by)).toBe(expected);
  });

  test('overlap and cover agree with membership of single key bytes', () => {
    const hex = (n: number): string => (n === 0 || n === 256 ? '' : n.toString(16).padStart(2, '0'));
    const range = fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 256 }))
      .filter(([a, b]) => a < b)
      .map(([a, b]) => ({ name: `${hex(a)}-${hex(b)}`, has: (n: number) => n >= a && n < b }));
    const bytes = Array.from({ length: 256 }, (_, n) => n);
    fc.assert(
      fc.property(range, fc.array(range, { maxLength: 4 }), (one, many) => {
        for (const other of many) expect(shardsOverlap(one.name, other.name)).toBe(bytes.some((n) => one.has(n) && other.has(n)));
        const covered = bytes.filter(one.has).every((n) => many.some((other) => other.has(n)));
        expect(
          shardsCover(
            one.name,
            many.map((other) => other.name),
          ),
        ).toBe(covered);
      }),
    );
  });
});
