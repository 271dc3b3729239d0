/** Every cell of the conformance tables of a real server, in both phases and in the forms of older servers. */
import { fromBinary } from '@bufbuild/protobuf';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadRecording } from '../../test/captures/load.js';
import { decodeCell, type FieldSpec, rowBytes, show, sourceOf } from '../../test/support/rows.js';
import type { RowChange } from '../wire/gen/binlogdata_pb.js';
import { VStreamResponseSchema } from '../wire/gen/vtgate_pb.js';
import type { RowDecoder } from './decoder.js';
import type { DecodeOptions } from './options.js';
import { compileDecoder } from './row-decoder.js';
import type { Row } from './values.js';
import { VersionRegistry } from './versions.js';

interface GoldenField {
  readonly table: string;
  readonly column: string;
  readonly type: FieldSpec['type'];
  readonly charset: number;
  readonly decimals: number;
  readonly columnType: string;
}

interface GoldenCell {
  readonly table: string;
  readonly row: number;
  readonly column: string;
  /** Hex, or null for SQL NULL. */
  readonly copy: string | null;
  readonly repl: string | null;
  /** What an older server replicates. */
  readonly old?: string;
  /** What a v19 server replicates: an ordinal or a bitmap. */
  readonly v19?: string;
  readonly decoded: string;
  /** Where replication decodes to something else: FLOAT (B20). */
  readonly decodedRepl?: string;
}

const golden = JSON.parse(readFileSync(new URL('values.golden.json', import.meta.url), 'utf8')) as {
  readonly fields: readonly GoldenField[];
  readonly cells: readonly GoldenCell[];
};

/** gbk arrives without a name (B7). */
const OPTIONS: DecodeOptions = { columns: { gb: 'charset:gbk', c: 'charset:gbk' } };

function field({ table, column }: { readonly table: string; readonly column: string }): GoldenField {
  const found = golden.fields.find((one) => one.table === table && one.column === column);
  if (!found) throw new Error(`no golden field ${table}.${column}`);
  return found;
}

function decoded(cell: GoldenCell, hex: string | null, how: { readonly copied: boolean; readonly strings?: boolean }): string {
  const one = field(cell);
  const options = one.charset === 0 ? OPTIONS : {};
  return show(decodeCell(one, hex === null ? null : Buffer.from(hex, 'hex'), options, how));
}

describe('cells of the conformance tables', () => {
  test('a copied cell decodes to the expected value: all 284 of C.1', () => {
    expect(golden.cells).toHaveLength(284);
    const wrong = golden.cells.filter((cell) => decoded(cell, cell.copy, { copied: true }) !== cell.decoded);
    expect(wrong).toEqual([]);
  });

  test('the replicated cell decodes to the same value, FLOAT apart (B20)', () => {
    const wrong = golden.cells.filter((cell) => decoded(cell, cell.repl, { copied: false }) !== (cell.decodedRepl ?? cell.decoded));
    expect(wrong).toEqual([]);
    expect(golden.cells.filter((cell) => cell.decodedRepl !== undefined).map((cell) => cell.column)).toEqual(['f', 'f', 'f', 'f']);
  });

  test('the form of older servers decodes to the same value (B17, B18, B37, B39), but for the lost 64th set member (B14)', () => {
    const old = golden.cells.filter((cell) => cell.old !== undefined && cell.column !== 's64');
    expect(old.length).toBeGreaterThan(10);
    expect(old.filter((cell) => decoded(cell, cell.old ?? null, { copied: false }) !== cell.decoded)).toEqual([]);
    const lost = golden.cells.filter((cell) => cell.old !== undefined && cell.column === 's64');
    expect(lost.map((cell) => decoded(cell, cell.old ?? null, { copied: false }))).toEqual(['""', '"m53,m54,m63"']);
  });

  test('ordinals and bitmaps of v19 servers decode to the same labels (B10, B15)', () => {
    const numbers = golden.cells.filter((cell) => cell.v19 !== undefined);
    expect(numbers.length).toBeGreaterThan(20);
    const wrong = numbers.filter(
      (cell) => decoded(cell, Buffer.from(cell.v19 ?? '').toString('hex'), { copied: false, strings: false }) !== cell.decoded,
    );
    expect(wrong).toEqual([]);
  });
});

interface Decoded {
  readonly table: string;
  readonly row: Row;
  readonly raw: RowChange;
  readonly decoder: RowDecoder;
}

/** The rows of a recording: framed by the generated code, decoded by ours. */
function decodeRecording(name: string): Decoded[] {
  const registry = new VersionRegistry();
  const decoders = new Map<string, RowDecoder>();
  const rows: Decoded[] = [];
  for (const frame of loadRecording(name).frames) {
    for (const event of fromBinary(VStreamResponseSchema, frame).events) {
      const fields = event.fieldEvent;
      if (fields) {
        const table = fields.tableName.split('.')[1] ?? '';
        const ref = { keyspace: fields.keyspace, shard: fields.shard, table };
        decoders.set(
          fields.tableName,
          compileDecoder(fields, ref, table === 'cf_text' ? OPTIONS_OF_TEXT : {}, registry.intern(fields, ref)),
        );
      }
      for (const raw of event.rowEvent?.rowChanges ?? []) {
        const decoder = decoders.get(event.rowEvent?.tableName ?? '');
        if (!decoder || !raw.after) continue;
        const cells: (Buffer | null)[] = [];
        let at = 0;
        for (const length of raw.after.lengths.map(Number)) {
          cells.push(length < 0 ? null : Buffer.from(raw.after.values.subarray(at, at + length)));
          at += Math.max(0, length);
        }
        const source = sourceOf({ after: rowBytes(cells), copied: event.timestamp === 0n });
        rows.push({ table: decoder.version.table, row: decoder.row(source, 'after'), raw, decoder });
      }
    }
  }
  return rows;
}

const OPTIONS_OF_TEXT: DecodeOptions = { columns: { gb: 'charset:gbk' } };

describe('recordings of a real server', () => {
  const copied = decodeRecording('values/cf-values-copy');
  const replicated = decodeRecording('values/cf-values-replication');

  test.each([
    ['copied', copied, 0],
    ['replicated', replicated, 100],
  ] as const)('every %s row has the expected values', (phase, rows, shift) => {
    let checked = 0;
    for (const cell of golden.cells) {
      const found = rows.find(({ table, row }) => table === cell.table && row['id'] === cell.row + shift);
      if (!found) throw new Error(`no row ${cell.row} of ${cell.table}`);
      const expected = phase === 'replicated' ? (cell.decodedRepl ?? cell.decoded) : cell.decoded;
      expect(`${cell.table}.${cell.column} ${show(found.row[cell.column])}`).toBe(`${cell.table}.${cell.column} ${expected}`);
      checked++;
    }
    expect(checked).toBe(284);
  });

  test('generated, invisible and default columns come in table order (C.2)', () => {
    for (const [rows, id] of [
      [copied, 1],
      [replicated, 101],
    ] as const) {
      const found = rows.find(({ table, row }) => table === 'cf_gen' && row['id'] === id);
      expect(Object.entries(found?.row ?? {})).toEqual([
        ['id', id],
        ['a', 21],
        ['v', 42],
        ['s', 'n21'],
        ['hid', 'hidden'],
        ['de', 'x2'],
      ]);
    }
  });

  test('two identical rows of a keyless table are both decoded; the all-NULL one comes in the copy only (B53)', () => {
    const of = (rows: readonly Decoded[]): unknown[] => rows.filter(({ table }) => table === 'cf_nopk').map(({ row }) => row);
    const pair = [
      { a: 1, b: 'é' },
      { a: 1, b: 'é' },
    ];
    expect(of(copied)).toEqual([{ a: null, b: null }, ...pair]);
    expect(of(replicated)).toEqual(pair);
    expect(copied.find(({ table }) => table === 'cf_nopk')?.decoder.warnings.map(({ code }) => code)).toContain('all-nullable');
  });

  test('VECTOR is the same float32 values in both phases (B43)', () => {
    const expected = Float32Array.of(1, -2.5, 0.000001);
    for (const [rows, id] of [
      [copied, 1],
      [replicated, 101],
    ] as const) {
      const vectors = rows.filter(({ table }) => table === 'cf_vec');
      expect(vectors.map(({ row }) => row['e'])).toEqual([expected, null]);
      expect(vectors[0]?.row['id']).toBe(id);
    }
  });

  test.each(['values/cf-large-copy', 'values/cf-large-replication'])('a row of 1.5 MB is whole: %s', (name) => {
    const [found] = decodeRecording(name).filter(({ table }) => table === 'cf_big');
    expect(found?.row['lt']).toBe('é'.repeat(70_000));
    const blob = found?.row['mb'] as Uint8Array;
    expect(blob).toHaveLength(1_200_000);
    expect(blob.every((byte, index) => byte === (index % 2 === 0 ? 0 : 255))).toBe(true);
    expect(found?.row['jd']).toEqual({ k: 'v'.repeat(200_000) });
  });
});
