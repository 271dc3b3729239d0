import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isAbove } from './high-water.js';

const key = fc.oneof(fc.bigInt({ min: -20n, max: 20n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }));
const spelled = fc
  .tuple(key, fc.nat({ max: 2 }))
  .map(([value, zeros]) => ({ value, text: value < 0n ? String(value) : '0'.repeat(zeros) + String(value) }));

test('a key above the mark is above it as a number, and growing ids are recognised', () => {
  fc.assert(
    fc.property(spelled, key, (one, mark) => {
      if (isAbove(one.text, String(mark))) expect(one.value).toBeGreaterThan(mark);
      if (one.value >= 0n && one.value > mark) expect(isAbove(one.text, String(mark))).toBe(true);
    }),
  );
  expect(isAbove('10', '9')).toBe(true);
  expect(isAbove('9', '10')).toBe(false);
  expect(isAbove('0', '-1')).toBe(true);
});

test('kept over batches, the mark never lets a stored key pass for a new one', () => {
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(spelled, { selector: (one) => one.value, maxLength: 6 }), { maxLength: 6 }), (batches) => {
      const stored = new Set<bigint>();
      let mark = '';
      for (const batch of batches) {
        let highest = mark;
        for (const one of batch) {
          if (!isAbove(one.text, mark)) continue;
          expect(stored.has(one.value)).toBe(false);
          if (isAbove(one.text, highest)) highest = one.text;
        }
        for (const one of batch) stored.add(one.value);
        mark = highest;
      }
    }),
  );
});
