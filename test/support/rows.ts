/** FIELD events and row images by hand, for tests of decoding. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { Bitmap, RowDecoder, RowSource } from '../../src/schema/decoder.js';
import { QUERY_TYPE } from '../../src/schema/mysql-type.js';
import type { DecodeOptions } from '../../src/schema/options.js';
import { compileDecoder } from '../../src/schema/row-decoder.js';
import { tableVersion } from '../../src/schema/versions.js';
import { type Field, FieldSchema, RowSchema, type Type } from '../../src/wire/gen/query_pb.js';

export interface FieldSpec {
  readonly name: string;
  readonly type: keyof typeof QUERY_TYPE | number;
  readonly columnType?: string;
  readonly charset?: number;
  readonly decimals?: number;
  readonly flags?: number;
}

export function fieldOf(spec: FieldSpec): Field {
  const type = (typeof spec.type === 'number' ? spec.type : QUERY_TYPE[spec.type]) as Type;
  const { name, columnType = '', charset = 63, decimals = 0, flags = 0 } = spec;
  return create(FieldSchema, { name, type, columnType, charset, decimals, flags });
}

export const REF = { keyspace: 'commerce', shard: '-80', table: 'orders' } as const;

/** `strings` is `enum_set_string_values`. */
export function decoderOf(specs: readonly FieldSpec[], options: DecodeOptions = {}, strings = true): RowDecoder {
  return compileDecoder({ enumSetStringValues: strings }, REF, options, tableVersion({ fields: specs.map(fieldOf) }, REF, 1));
}

export type CellBytes = Uint8Array | string | null;

/** The `query.Row` message of these cells, as the server encodes it. */
export function rowBytes(cells: readonly CellBytes[]): Buffer {
  const bytes = cells.map((cell) => (cell === null ? null : Buffer.from(cell as Uint8Array)));
  return Buffer.from(
    toBinary(
      RowSchema,
      create(RowSchema, {
        lengths: bytes.map((cell) => BigInt(cell === null ? -1 : cell.length)),
        values: Buffer.concat(bytes.filter((cell) => cell !== null)),
      }),
    ),
  );
}

export interface SourceSpec {
  readonly before?: Buffer;
  readonly after?: Buffer;
  readonly dataColumns?: Bitmap;
  readonly jsonPartial?: Bitmap;
  readonly copied?: boolean;
}

/** Both images in one message, with bytes around them that belong to neither. */
export function sourceOf({ before, after, dataColumns, jsonPartial, copied = false }: SourceSpec): RowSource {
  const around = Buffer.from([0x0a, 0xff, 0x12, 0x80]);
  const buffer = Buffer.concat([around, before ?? Buffer.alloc(0), around, after ?? Buffer.alloc(0), around]);
  const beforeStart = around.length;
  const afterStart = 2 * around.length + (before?.length ?? 0);
  return {
    buffer,
    beforeStart: before ? beforeStart : -1,
    beforeEnd: before ? beforeStart + before.length : -1,
    afterStart: after ? afterStart : -1,
    afterEnd: after ? afterStart + after.length : -1,
    dataColumns,
    jsonPartial,
    copied,
  };
}

/** A bitmap from its bits in order. */
export function bitmapOf(...bits: readonly (0 | 1)[]): Bitmap {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, index) => {
    if (bit === 1) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
  });
  return { count: bits.length, bits: bytes };
}

/** The value of one cell through a decoder of one column. */
export function decodeCell(
  spec: Omit<FieldSpec, 'name'>,
  cell: CellBytes,
  options: DecodeOptions = {},
  { copied = false, strings = true } = {},
): unknown {
  const decoder = decoderOf([{ ...spec, name: 'c' }], options, strings);
  return decoder.row(sourceOf({ after: rowBytes([cell]), copied }), 'after')['c'];
}

/** Values as the golden file writes them: `42n`, `x'00ff'`, JSON with sorted keys. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (value instanceof Float32Array) return `[${Array.from(value).join(', ')}]f32`;
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
  if (Array.isArray(value)) return `[${value.map(show).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${show(member)}`).join(',')}}`;
  }
  return (JSON.stringify(value) ?? 'undefined').replace(
    /[\u007f-\u009f\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
