/**
 * Cost of decoding alone, without a network, in nanoseconds a row. Prints figures; not a test.
 *
 *   node node_modules/typescript/bin/tsc -p bench/tsconfig.json && node bench/dist/bench/decode-micro.js
 */
import { create, toBinary, fromBinary } from '@bufbuild/protobuf';
import { compileDecoder } from '../src/schema/row-decoder.js';
import { tableVersion } from '../src/schema/versions.js';
import type { RowSource } from '../src/schema/decoder.js';
import { FieldSchema, RowSchema, type Type } from '../src/wire/gen/query_pb.js';

interface Shape {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, type: number, columnType: string, charset: number, flags: number])[];
  readonly cells: (index: number) => readonly (string | Buffer | null)[];
}

const six: Shape = {
  name: 'six columns, 170 bytes',
  columns: [
    ['id', 265, 'bigint', 63, 53251],
    ['customer_id', 263, 'int', 63, 32768],
    ['status', 6165, 'varchar(20)', 255, 0],
    ['total', 18, 'decimal(12,2)', 63, 32768],
    ['note', 6165, 'varchar(255)', 255, 0],
    ['created_at', 2064, 'datetime(6)', 63, 128],
  ],
  cells: (i) => [
    String(1_000_000 + i),
    String(i % 5000),
    'shipped',
    `${i % 1000}.50`,
    `note ${i} ${'lorem ipsum dolor '.repeat(6)}`,
    '2024-02-29 12:34:56.000001',
  ],
};

const unicode: Shape = {
  ...six,
  name: 'six columns, note not ASCII',
  cells: (i) => six.cells(i).map((cell, at) => (at === 4 ? `né ${String(cell)}` : cell)),
};

const nulls: Shape = { ...six, name: 'six columns, mostly NULL', cells: (i) => six.cells(i).map((cell, at) => (at === 0 ? cell : null)) };

const bigints: Shape = {
  name: 'ten snowflake ids',
  columns: Array.from({ length: 10 }, (_, at) => [`id${at}`, 265, 'bigint', 63, at === 0 ? 53251 : 32768] as const),
  cells: (i) => Array.from({ length: 10 }, (_, at) => String(7_300_000_000_000_000_000n + BigInt(i * 10 + at))),
};

const wide: Shape = {
  name: '100 columns',
  columns: Array.from({ length: 100 }, (_, at) =>
    at % 2 === 0 ? ([`n${at}`, 263, 'int', 63, 32768] as const) : ([`s${at}`, 6165, 'varchar(20)', 255, 0] as const),
  ),
  cells: (i) => Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? String(i + at) : `value ${i + at}`)),
};

const ROWS = 2000;

function frames(shape: Shape): { buffer: Buffer; sources: RowSource[] } {
  const parts: Buffer[] = [];
  const sources: RowSource[] = [];
  let at = 0;
  for (let i = 0; i < ROWS; i++) {
    const cells = shape.cells(i).map((cell) => (cell === null ? null : Buffer.from(cell as string)));
    const bytes = Buffer.from(
      toBinary(
        RowSchema,
        create(RowSchema, {
          lengths: cells.map((cell) => BigInt(cell === null ? -1 : cell.length)),
          values: Buffer.concat(cells.filter((cell) => cell !== null)),
        }),
      ),
    );
    // Framing bytes between rows, as in a message.
    parts.push(Buffer.from([0x12, 0xff, 0x01]), bytes);
    at += 3;
    sources.push({
      buffer: Buffer.alloc(0),
      beforeStart: -1,
      beforeEnd: -1,
      afterStart: at,
      afterEnd: at + bytes.length,
      dataColumns: undefined,
      jsonPartial: undefined,
      copied: true,
    });
    at += bytes.length;
  }
  const buffer = Buffer.concat(parts);
  return { buffer, sources: sources.map((source) => ({ ...source, buffer })) };
}

let sink: unknown;

function measure(run: () => void): number {
  for (let round = 0; round < 15; round++) run();
  const times: number[] = [];
  for (let round = 0; round < 41; round++) {
    const start = process.hrtime.bigint();
    run();
    times.push(Number(process.hrtime.bigint() - start) / ROWS);
  }
  // The best round: what the code costs, not what else ran meanwhile.
  return Math.min(...times);
}

for (const shape of [six, unicode, nulls, bigints, wide]) {
  const fields = shape.columns.map(([name, type, columnType, charset, flags]) =>
    create(FieldSchema, { name, type: type as Type, columnType, charset, flags }),
  );
  const ref = { keyspace: 'k', shard: '0', table: 't' };
  const decoder = compileDecoder({ enumSetStringValues: true }, ref, {}, tableVersion({ fields }, ref, 1));
  const { buffer, sources } = frames(shape);
  const typed = measure(() => {
    for (const source of sources) sink = decoder.row(source, 'after');
  });
  const cells = measure(() => {
    for (const source of sources) {
      const view = decoder.cells(source, 'after');
      for (let column = 0; column < view.count; column++) sink = view.isNull(column);
    }
  });
  const texts = measure(() => {
    for (const source of sources) {
      const view = decoder.cells(source, 'after');
      for (let column = 0; column < view.count; column++) sink = view.text(column);
    }
  });
  const key = measure(() => {
    for (const source of sources) sink = decoder.key(source, 'after');
  });
  const generated = measure(() => {
    for (const source of sources) sink = fromBinary(RowSchema, buffer.subarray(source.afterStart, source.afterEnd));
  });
  const bytes = Math.round(buffer.length / ROWS);
  console.log(
    `${shape.name.padEnd(30)} ${bytes} bytes/row: typed ${typed.toFixed(0)} ns, key ${key.toFixed(0)}, cells ${cells.toFixed(0)}, all texts ${texts.toFixed(0)}, protobuf-es structure only ${generated.toFixed(0)}`,
  );
}
void sink;
