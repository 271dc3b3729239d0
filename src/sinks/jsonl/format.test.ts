import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchBuilder, columnsChange, makeChange, tableVersion } from '../../testing/batch-builder.js';
import { toJson } from '../../internal/json.js';
import { Position } from '../../position/position.js';
import { formatBatch, formatChange, formatSchema } from './format.js';

const version = tableVersion('shop.orders', { id: 'bigint key', note: 'text', data: 'blob' });

describe('a change as a line', () => {
  test('has op, place and images; 64-bit integers are strings, bytes base64, an absent column an absent key', () => {
    const change = makeChange({
      op: 'update',
      version,
      shard: '-80',
      before: { id: 9007199254740993n, note: 'a' },
      after: { id: 9007199254740993n, note: null, data: new Uint8Array([0, 255]) },
    });
    expect(formatChange(change)).toBe(
      '{"op":"update","keyspace":"shop","shard":"-80","table":"orders","before":{"id":"9007199254740993","note":"a"},"after":{"id":"9007199254740993","note":null,"data":"AP8="}}',
    );
  });

  test('a delete has only `before`, an insert only `after`', () => {
    expect(JSON.parse(formatChange(makeChange({ op: 'delete', version, shard: '0', before: { id: 1n } })))).not.toHaveProperty('after');
    expect(JSON.parse(formatChange(makeChange({ op: 'copy', version, shard: '0', after: { id: 1n } })))).not.toHaveProperty('before');
  });

  test('names and text with quotes, line breaks and separators stay on one line', () => {
    const odd = tableVersion('shop.orders', { 'a"b\n': 'text key' });
    const line = formatChange(makeChange({ op: 'insert', version: odd, shard: '"', after: { 'a"b\n': 'x\r\n\u2028"' } }));
    expect(line).not.toMatch(/[\r\n]/);
    expect(JSON.parse(line)).toMatchObject({ shard: '"', after: { 'a"b\n': 'x\r\n\u2028"' } });
  });

  test("any row reads back as what JSON.stringify with the library's replacer would give", () => {
    const value = fc.oneof(
      fc.string(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.bigInt(),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array(),
      fc.jsonValue(),
      fc.float32Array({ maxLength: 3, noNaN: true, noDefaultInfinity: true }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), (after) => {
        const parsed = JSON.parse(formatChange(makeChange({ op: 'insert', version, shard: '0', after }))) as { after: unknown };
        // -0 is kept here, which JSON.stringify drops.
        expect(toJson(parsed.after)).toBe(toJson(JSON.parse(toJson(after))));
      }),
    );
  });

  test('a JSON document that looks like a Buffer of Node stays the document it is', () => {
    const after = { id: 1n, note: { type: 'Buffer', data: [1, 2, 3] }, data: Buffer.from([1, 2, 3]) };
    expect(JSON.parse(formatChange(makeChange({ op: 'insert', version, shard: '0', after })))).toHaveProperty('after', {
      id: '1',
      note: { type: 'Buffer', data: [1, 2, 3] },
      data: 'AQID',
    });
    expect(JSON.parse(toJson([after.note, after.data]))).toEqual([after.note, 'AQID']);
  });

  test('negative zero is kept', () => {
    expect(formatChange(makeChange({ op: 'insert', version, shard: '0', after: { id: -0 } }))).toContain('"id":-0');
  });
});

describe('a batch as lines', () => {
  test('the position is on the last line only, and can be parsed', () => {
    const batches = new BatchBuilder('shop');
    const lines = formatBatch(batches.copy(version, '0', [{ id: 1n }, { id: 2n }])).split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[2]).toBe('');
    expect(lines[0]).not.toContain('position');
    const { position } = JSON.parse(lines[1] ?? '') as { position: unknown };
    expect(Position.parse(position).equals(batches.position)).toBe(true);
  });

  test('progress has no lines', () => {
    expect(formatBatch(new BatchBuilder('shop').progress())).toBe('');
  });

  test('a schema batch names columns, types and key; a statement never shows its text (G132)', () => {
    const change = columnsChange(version, '0');
    expect(JSON.parse(formatSchema(change))).toEqual({
      op: 'schema',
      keyspace: 'shop',
      shard: '0',
      table: 'orders',
      version: 1,
      key: ['id'],
      columns: [
        { name: 'id', type: 'bigint', nullable: false },
        { name: 'note', type: 'text', nullable: true },
        { name: 'data', type: 'blob', nullable: true },
      ],
    });
    const truncate = { ...change, kind: 'truncate', to: undefined, statement: "truncate orders /* password 'x' */" } as const;
    expect(JSON.parse(formatSchema(truncate))).toEqual({ op: 'truncate', keyspace: 'shop', shard: '0', table: 'orders' });
    expect(formatSchema({ ...truncate, kind: 'rows-changed' })).not.toContain('password');
    expect(formatBatch(new BatchBuilder('shop').schema(change))).toMatch(/^\{"op":"schema".*"position":\{.*\n$/);
  });
});
