/** Row images with holes: NOBLOB and partial JSON. */
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { loadRecording } from '../../test/captures/load.js';
import { bitmapOf, decoderOf, type FieldSpec, rowBytes, sourceOf } from '../../test/support/rows.js';
import { VStreamError } from '../errors.js';
import type { RowChange } from '../wire/gen/binlogdata_pb.js';
import type { Row as WireRow } from '../wire/gen/query_pb.js';
import { VStreamResponseSchema } from '../wire/gen/vtgate_pb.js';
import type { RowDecoder, RowSource } from './decoder.js';
import type { DecodeOptions } from './options.js';
import { compileDecoder } from './row-decoder.js';
import { PartialJson, type Row } from './values.js';
import { VersionRegistry } from './versions.js';

function cellsOf(row: WireRow): (Buffer | null)[] {
  let at = 0;
  return row.lengths.map(Number).map((length) => {
    if (length < 0) return null;
    at += length;
    return Buffer.from(row.values.subarray(at - length, at));
  });
}

function sourceOfChange(change: RowChange): RowSource {
  const { before, after, dataColumns, jsonPartialValues } = change;
  return sourceOf({
    ...(before && { before: rowBytes(cellsOf(before)) }),
    ...(after && { after: rowBytes(cellsOf(after)) }),
    ...(dataColumns && { dataColumns: { count: Number(dataColumns.count), bits: dataColumns.cols } }),
    ...(jsonPartialValues && { jsonPartial: { count: Number(jsonPartialValues.count), bits: jsonPartialValues.cols } }),
  });
}

interface DecodedChange {
  readonly before: Row | undefined;
  readonly after: Row | VStreamError | undefined;
}

function decode(name: string, options: DecodeOptions): DecodedChange[] {
  const registry = new VersionRegistry();
  let decoder: RowDecoder | undefined;
  const changes: DecodedChange[] = [];
  for (const frame of loadRecording(name).frames) {
    for (const event of fromBinary(VStreamResponseSchema, frame).events) {
      if (event.fieldEvent) {
        const ref = { keyspace: event.keyspace, shard: event.shard, table: event.fieldEvent.tableName.split('.')[1] ?? '' };
        decoder = compileDecoder(event.fieldEvent, ref, options, registry.intern(event.fieldEvent, ref));
      }
      for (const change of event.rowEvent?.rowChanges ?? []) {
        const source = sourceOfChange(change);
        let after: DecodedChange['after'];
        try {
          after = change.after && decoder?.row(source, 'after');
        } catch (error) {
          if (!VStreamError.is(error)) throw error;
          after = error;
        }
        changes.push({ before: change.before && decoder?.row(source, 'before'), after });
      }
    }
  }
  return changes;
}

describe('a real server with NOBLOB and PARTIAL_JSON', () => {
  test('partial images: after rows have the JSON document applied, omitted columns are absent, before rows have no BLOB or TEXT (B41)', () => {
    const changes = decode('shapes/noblob-partial-json', { images: 'partial' });
    const j = (a: number, s = true): object => ({ a, list: [1, 2, 3], ...(s && { s: 'x'.repeat(20) }) });
    expect(changes[0]).toEqual({
      before: undefined,
      after: { id: 1n, j: j(1), b: new Uint8Array(50).fill(66), t: 'T'.repeat(50), v: 'v1', n: 1 },
    });
    expect(changes.slice(1)).toEqual([
      { before: { id: 1n, j: j(1), v: 'v1', n: 1 }, after: { id: 1n, j: j(1), v: 'v1', n: 2 } },
      { before: { id: 1n, j: j(1), v: 'v1', n: 2 }, after: { id: 1n, j: j(1), v: 'v2', n: 2 } },
      { before: { id: 1n, j: j(1), v: 'v2', n: 2 }, after: { id: 1n, j: j(1), t: 'new text', v: 'v2', n: 2 } },
      { before: { id: 1n, j: j(1), v: 'v2', n: 2 }, after: { id: 1n, j: j(1), b: new Uint8Array(Buffer.from('new blob')), v: 'v2', n: 2 } },
      { before: { id: 1n, j: j(1), v: 'v2', n: 2 }, after: { id: 1n, j: j(2), v: 'v2', n: 2 } },
      { before: { id: 1n, j: j(2), v: 'v2', n: 2 }, after: { id: 1n, j: j(2, false), v: 'v2', n: 3 } },
      // Set to NULL: present, and null.
      { before: { id: 1n, j: j(2, false), v: 'v2', n: 3 }, after: { id: 1n, j: j(2, false), t: null, v: 'v2', n: 3 } },
      { before: { id: 1n, j: j(2, false), v: 'v2', n: 3 }, after: { id: 2n, j: j(2, false), v: 'v2', n: 3 } },
      { before: { id: 2n, j: j(2, false), v: 'v2', n: 3 }, after: undefined },
    ]);
  });

  test('full images: an after row that cannot be completed is PARTIAL_IMAGE with column and option', () => {
    const changes = decode('shapes/noblob-partial-json', {});
    const refused = changes.flatMap(({ after }) => (after instanceof VStreamError ? [after] : []));
    expect(refused).toHaveLength(8);
    expect(refused[0]).toMatchObject({ code: 'PARTIAL_IMAGE', keyspace: 'commerce', shard: '0', table: 'doc', column: 'b' });
    expect(refused[0]?.next).toContain('images');
    expect(refused[0]?.next).toContain('binlog_row_image');
  });

  test('full images: the 199 documents of the corpus are complete without any absent column', () => {
    const changes = decode('shapes/partial-json-corpus', {});
    const { steps } = loadRecording('shapes/partial-json-corpus');
    const updates = changes.filter(({ before, after }) => before && after);
    expect(updates).toHaveLength(199);
    expect(updates.every(({ after }) => after && Object.keys(after).length === 4)).toBe(true);
    // Documents without large integers can be compared through JSON.parse.
    const comparable = updates.flatMap(({ after }, index) => {
      const text = steps[index]?.after ?? '';
      return /\d{16}/.test(text) ? [] : [[(after as Row)['j'], JSON.parse(text)] as const];
    });
    expect(comparable.length).toBeGreaterThan(100);
    for (const [ours, theirs] of comparable) expect(ours).toEqual(theirs);
  });
});

const DOC: readonly FieldSpec[] = [
  { name: 'id', type: 'INT32', columnType: 'int', flags: 3 },
  { name: 't', type: 'TEXT', columnType: 'text', charset: 255 },
  { name: 'j', type: 'JSON', columnType: 'json' },
  { name: 'n', type: 'INT32', columnType: 'int' },
];

describe('absent columns', () => {
  test('a cleared bit of data_columns is an absent property, not null (C.5 22)', () => {
    const decoder = decoderOf([...DOC.slice(0, 2), { name: 'u', type: 'TEXT', columnType: 'text', charset: 255 }], { images: 'partial' });
    const source = sourceOf({ after: rowBytes(['7', null, null]), dataColumns: bitmapOf(1, 1, 0) });
    const row = decoder.row(source, 'after');
    expect(row).toEqual({ id: 7, t: null });
    expect('u' in row).toBe(false);
    const cells = decoder.cells(source, 'after');
    expect([cells.isNull(1), cells.isAbsent(1), cells.value(1), cells.text(1)]).toEqual([true, false, null, undefined]);
    expect([cells.isNull(2), cells.isAbsent(2), cells.value(2), cells.bytes(2)]).toEqual([false, true, undefined, undefined]);
  });

  test('is completed from the before image when that has it', () => {
    const decoder = decoderOf(DOC);
    const before = rowBytes(['7', 'text', '{}', null]);
    const source = sourceOf({ before, after: rowBytes(['8', null, '{}', null]), dataColumns: bitmapOf(1, 0, 1, 0) });
    expect(decoder.row(source, 'after')).toEqual({ id: 8, t: 'text', j: {}, n: null });
  });

  test('a null TEXT before a change is NULL until a bitmap was seen on this shard, then absent', () => {
    const decoder = decoderOf(DOC, { images: 'partial' });
    const deletion = sourceOf({ before: rowBytes(['7', null, '{}', '1']) });
    expect(decoder.row(deletion, 'before')).toEqual({ id: 7, t: null, j: {}, n: 1 });
    decoder.row(
      sourceOf({ before: rowBytes(['7', null, '{}', '1']), after: rowBytes(['7', null, '{}', '2']), dataColumns: bitmapOf(1, 0, 1, 1) }),
      'after',
    );
    expect(decoder.row(deletion, 'before')).toEqual({ id: 7, j: {}, n: 1 });
  });

  test('the row image of the shard decides where it is known', () => {
    const deletion = sourceOf({ before: rowBytes(['7', null, '{}', '1']) });
    expect(decoderOf(DOC, { rowImage: 'NOBLOB' }).row(deletion, 'before')).toEqual({ id: 7, j: {}, n: 1 });
    const full = decoderOf(DOC, { rowImage: 'FULL' });
    full.row(
      sourceOf({
        before: rowBytes(['7', null, '{}', '1']),
        after: rowBytes(['7', null, '', '2']),
        dataColumns: bitmapOf(1, 1, 1, 1),
        jsonPartial: bitmapOf(1),
      }),
      'after',
    );
    expect(full.row(deletion, 'before')).toEqual({ id: 7, t: null, j: {}, n: 1 });
  });

  test.each([
    ['a column list', { projected: true }, bitmapOf(1, 0, 1, 1)],
    ['a bitmap of another width', {}, bitmapOf(1, 0, 1, 1, 1)],
  ])('%s is refused: bits follow the source table (B41, C53)', (_, options, dataColumns) => {
    const source = sourceOf({ before: rowBytes(['7', 'x', '{}', '1']), after: rowBytes(['7', null, '{}', '2']), dataColumns });
    expect(() => decoderOf(DOC, options).row(source, 'after')).toThrow(expect.objectContaining({ code: 'PARTIAL_IMAGE' }));
  });

  test('a column list with a bitmap that omits nothing is complete', () => {
    const source = sourceOf({ after: rowBytes(['7', 'x', '{}', '2']), dataColumns: bitmapOf(1, 1, 1, 1, 1, 1) });
    expect(decoderOf(DOC, { projected: true }).row(source, 'after')).toEqual({ id: 7, t: 'x', j: {}, n: 2 });
  });
});

describe('partial JSON that cannot be applied (C.5 21)', () => {
  const expression = "JSON_REMOVE(%s, _utf8mb4'$.x')";
  const source = sourceOf({
    before: rowBytes(['7', 'x', '{"y": 1}', '1']),
    after: rowBytes(['7', 'x', expression, '2']),
    dataColumns: bitmapOf(1, 1, 1, 1),
    jsonPartial: bitmapOf(1),
  });

  test('is PARTIAL_IMAGE naming the column', () => {
    expect(() => decoderOf(DOC).row(source, 'after')).toThrow(expect.objectContaining({ code: 'PARTIAL_IMAGE', column: 'j' }));
  });

  test('is a marked partial value with images partial, never a string', () => {
    const decoder = decoderOf(DOC, { images: 'partial' });
    const row = decoder.row(source, 'after');
    expect(row['j']).toBeInstanceOf(PartialJson);
    expect(row['j']).toEqual(new PartialJson(expression));
    expect(decoder.cells(source, 'after').isAbsent(2)).toBe(true);
  });

  test('raw cells hold the applied document', () => {
    const applied = sourceOf({
      before: rowBytes(['7', 'x', '{"x": 1, "y": 9007199254740993}', '1']),
      after: rowBytes(['7', 'x', expression, '2']),
      dataColumns: bitmapOf(1, 1, 1, 1),
      jsonPartial: bitmapOf(1),
    });
    const cells = decoderOf(DOC).cells(applied, 'after');
    expect(cells.text(2)).toBe('{"y": 9007199254740993}');
    expect(cells.value(2)).toEqual({ y: 9007199254740993n });
    expect(cells.text(3)).toBe('2');
  });
});
