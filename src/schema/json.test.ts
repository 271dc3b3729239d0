/** What has to be found in a document before it is parsed: integers of many digits, and the spellings of old servers. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normaliseJson, parseJson } from './json.js';

/** Moves what follows to any place, as only some places are looked at. */
const filler = fc.oneof(fc.string({ maxLength: 40 }), fc.stringMatching(/^[0-9.]{0,15}$/));
/** The shortest that a number cannot hold have sixteen digits. */
const digits = fc.oneof(fc.stringMatching(/^[1-9][0-9]{0,29}$/), fc.stringMatching(/^9[1-9][0-9]{14}$/));

test('an integer of any length keeps its digits wherever it stands (B36)', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(filler, digits), { minLength: 1, maxLength: 4 }), (parts) => {
      const text = `[${parts.map(([before, number]) => `${JSON.stringify(before)}, ${number}`).join(', ')}]`;
      const expected = parts.flatMap(([before, number]) => [
        before,
        Number.isSafeInteger(Number(number)) ? Number(number) : BigInt(number),
      ]);
      expect(parseJson(text)).toEqual(expected);
      // Alone it begins at the very first place.
      expect(parts.map(([, number]) => parseJson(number))).toEqual(expected.filter((_, at) => at % 2 === 1));
    }),
    { numRuns: 1000 },
  );
});

test('a number without a digit in front of its point is found wherever it stands (B37), and nothing else is touched', () => {
  const before = fc.constantFrom('', ' ', '-', ' -', '\n');
  fc.assert(
    fc.property(filler, before, fc.nat({ max: 999 }), (text, space, fraction) => {
      const plain = `{"a": ${JSON.stringify(text)}, "b": [1.5, -2.25e3]}`;
      expect(normaliseJson(plain)).toBe(plain);
      const sign = space.endsWith('-') ? '-' : '';
      for (const old of [
        `${space}.${fraction}`,
        `[${space}.${fraction}]`,
        `{"a":${space}.${fraction}}`,
        `[${JSON.stringify(text)},${space}.${fraction}]`,
      ]) {
        const value = JSON.parse(normaliseJson(old)) as unknown;
        expect(
          [value]
            .flat()
            .map((one) => (typeof one === 'object' && one ? Object.values(one)[0] : one))
            .at(-1),
        ).toBe(Number(`${sign}0.${fraction}`));
      }
    }),
    { numRuns: 500 },
  );
});

test('so is an escape that JSON does not have (B39)', () => {
  expect(JSON.parse(normaliseJson('{"a": "b\\x41", "c": 1}'))).toEqual({ a: 'bA', c: 1 });
});
