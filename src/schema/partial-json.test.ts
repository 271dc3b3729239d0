/** Partial JSON updates against what MySQL itself made of them (B40, measured.md section 6). */
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { loadRecording } from '../../test/captures/load.js';
import { VStreamResponseSchema } from '../wire/gen/vtgate_pb.js';
import { parseJson, parseJsonNode, printJson } from './json.js';
import { applyPartialJson } from './partial-json.js';

interface JsonUpdate {
  readonly before: string;
  readonly after: string;
  readonly partial: boolean;
}

/** The JSON column `j` (field 1 of `jd`) of each update of the recording. */
function updates(): JsonUpdate[] {
  const found: JsonUpdate[] = [];
  for (const frame of loadRecording('shapes/partial-json-corpus').frames) {
    for (const event of fromBinary(VStreamResponseSchema, frame).events) {
      for (const change of event.rowEvent?.rowChanges ?? []) {
        if (!change.before || !change.after) continue;
        const cell = (row: typeof change.before): string => {
          const first = Number(row.lengths[0]);
          return Buffer.from(row.values.subarray(first, first + Number(row.lengths[1]))).toString();
        };
        found.push({
          before: cell(change.before),
          after: cell(change.after),
          partial: ((change.jsonPartialValues?.cols[0] ?? 0) & 1) === 1,
        });
      }
    }
  }
  return found;
}

describe('the corpus of a real server', () => {
  const { steps } = loadRecording('shapes/partial-json-corpus');
  const found = updates();

  test('holds 199 steps, one for each update of the stream', () => {
    expect(steps).toHaveLength(199);
    expect(found).toHaveLength(199);
  });

  test('each document after is complete and equal to the one MySQL prints, number literals included', () => {
    const canonical = (text: string): string => printSorted(text);
    const wrong = found.flatMap(({ before, after, partial }, index) => {
      const document = !partial ? after : after === '' ? before : applyPartialJson(before, after);
      const expected = steps[index]?.after ?? '';
      return canonical(document) === canonical(expected) ? [] : [{ index, before, after, document, expected }];
    });
    expect(wrong).toEqual([]);
    expect(found.filter(({ partial, after }) => partial && after !== '').length).toBeGreaterThan(90);
  });
});

/** Key order is the server's business (B35); number literals are not. */
function printSorted(text: string): string {
  const node = parseJsonNode(text);
  const sort = (one: typeof node): typeof node =>
    one.type === 'object'
      ? {
          type: 'object',
          members: new Map([...one.members].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sort(member)])),
        }
      : one.type === 'array'
        ? { type: 'array', items: one.items.map(sort) }
        : one;
  return printJson(sort(node));
}

describe('forms', () => {
  test.each([
    ['{"a": 1}', "JSON_REPLACE(%s, _utf8mb4'$.a', CAST(18446744073709551615 as JSON))", '{"a": 18446744073709551615}'],
    ['{"a": 1}', "JSON_INSERT(%s, _utf8mb4'$.b', CAST(12.50 as JSON), _utf8mb4'$.c', JSON_ARRAY())", '{"a": 1, "b": 12.50, "c": []}'],
    ['{"a": 1, "b": 2}', "JSON_REMOVE(%s, _utf8mb4'$.a', _utf8mb4'$.b')", '{}'],
    ['[1, 2]', "JSON_ARRAY_INSERT(%s, _utf8mb4'$[1]', CAST(9 as JSON))", '[1, 9, 2]'],
    ['[1, 2]', "JSON_INSERT(%s, _utf8mb4'$[2]', CAST(_utf8mb4'{\"x\": [true]}' as JSON))", '[1, 2, {"x": [true]}]'],
    ['[1, [2, 3]]', "JSON_REMOVE(%s, _utf8mb4'$[last][last-1]')", '[1, [3]]'],
    [
      '{"a.b": {"\\"": 1}}',
      'JSON_REPLACE(%s, _utf8mb4\'$."a.b"."\\\\""\', CAST(JSON_QUOTE(_utf8mb4\'it\\\'s \\\\ \\n\') as JSON))',
      '{"a.b": {"\\"": "it\'s \\\\ \\n"}}',
    ],
    ['{"a": 1}', "JSON_REPLACE(%s, _utf8mb4'$', CAST(_utf8mb4'null' as JSON))", 'null'],
    ['{"t": 0}', "JSON_REPLACE(%s, _utf8mb4'$.t', CAST(time '01:02:03.500000' as JSON))", '{"t": "01:02:03.500000"}'],
    [
      '{"a": 1}',
      "JSON_REPLACE(%s, _utf8mb4'$.a', JSON_OBJECT(_utf8mb4'k', true, _utf8mb4'n', NULL, _utf8mb4's', _utf8mb4'x''y'))",
      '{"a": {"k": true, "n": null, "s": "x\'y"}}',
    ],
    ['{"__proto__": 1}', "JSON_REPLACE(%s, _utf8mb4'$.__proto__', CAST(2 as JSON))", '{"__proto__": 2}'],
  ])('%s with %s', (before, expression, after) => {
    expect(applyPartialJson(before, expression)).toBe(after);
  });

  test.each([
    ['replaces what is not there', '{"a": 1}', "JSON_REPLACE(%s, _utf8mb4'$.b', CAST(2 as JSON))"],
    ['inserts what is there', '{"a": 1}', "JSON_INSERT(%s, _utf8mb4'$.a', CAST(2 as JSON))"],
    ['removes what is not there', '[1]', "JSON_REMOVE(%s, _utf8mb4'$[1]')"],
    ['goes through a missing member', '{}', "JSON_INSERT(%s, _utf8mb4'$.a.b', CAST(2 as JSON))"],
    ['has a wildcard', '{"a": 1}', "JSON_REMOVE(%s, _utf8mb4'$.*')"],
    ['is another function', '{"a": 1}', "JSON_MERGE(%s, _utf8mb4'{}')"],
    ['is a document and not an expression', '{"a": 1}', '{"a": 2}'],
    ['is cut off', '{"a": 1}', "JSON_REPLACE(%s, _utf8mb4'$.a', CAST(2 as J"],
    ['goes on after its end', '{"a": 1}', "JSON_REMOVE(%s, _utf8mb4'$.a') x"],
    ['has a binary value', '{"a": 1}', "JSON_REPLACE(%s, _utf8mb4'$.a', CAST(x'00ff' as JSON))"],
  ])('is refused, never guessed, when the expression %s', (_, before, expression) => {
    expect(() => applyPartialJson(before, expression)).toThrow(/partial JSON update/);
  });

  test('the document before stays as it was', () => {
    const before = '{"a": {"b": [1, 2]}, "c": 3}';
    applyPartialJson(before, "JSON_REMOVE(%s, _utf8mb4'$.a.b[0]')");
    expect(parseJson(before)).toEqual({ a: { b: [1, 2] }, c: 3 });
  });
});
