/**
 * Last keys that are made up: a copy that goes on behind one keeps the table's changes coming, and one that starts without a key drops
 * them until its first row (recorded in `copy/behind-made-up-key-min`). Pure. Layer 3.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { columnTypeOf, QUERY_TYPE } from '../schema/mysql-type.js';
import type { Column } from '../schema/table.js';
import type { ColumnInfo } from '../sql/tables.js';
import { TableLastPKSchema } from '../wire/gen/binlogdata_pb.js';
import { FieldSchema, RowSchema, type Type } from '../wire/gen/query_pb.js';
import { liveColumn } from './live-column.js';
import { belowAll } from './range-start.js';

/** A cell of a last key: `query.Type` and bytes. */
export interface StartCell {
  readonly type: number;
  readonly value: Buffer;
}

/**
 * The server's `TableLastPK` message as base64, for a table of which the first key column has this value. Nothing equals NULL, so that
 * the columns after the first do not matter: the copy begins at the next value of the first.
 */
export function startMessage(table: string, key: readonly Column[], { type, value }: StartCell): string {
  const fields = key.map((column, at) =>
    create(FieldSchema, { name: column.name, type: (at === 0 ? type : column.type) as Type, charset: column.charset }),
  );
  const lengths = fields.map((_, at) => (at === 0 ? BigInt(value.length) : -1n));
  const rows = [create(RowSchema, { lengths, values: value })];
  const message = create(TableLastPKSchema, { tableName: table, lastpk: { fields, rows } });
  return Buffer.from(toBinary(TableLastPKSchema, message)).toString('base64');
}

/** The least number MySQL knows. Text is compared with it as a number, and no text is less but digits of 309 and more places. */
const LEAST = '-1.7976931348623157e308';

/**
 * A value that lies before every row. A number is written into the server's query as it is, and MySQL compares whatever the column
 * holds with it: recorded in `copy/behind-least-number`, and seen for each of these types (test/contract/interrupted.ts).
 */
export function beforeAll(column: Column): StartCell {
  const number = (text: string): StartCell => ({ type: QUERY_TYPE.INT64, value: Buffer.from(text) });
  const { kind, name } = columnTypeOf(column);
  switch (kind) {
    case 'int':
    case 'bigint':
    case 'decimal':
      return number(belowAll(column) ?? LEAST);
    case 'date':
    case 'datetime':
    case 'timestamp':
    case 'year':
    case 'enum':
    case 'set':
    case 'bit':
      return number('-1');
    case 'bytes':
      // Padded with zeros to its length: longer than nothing.
      if (name === 'binary') return { type: QUERY_TYPE.VARBINARY, value: Buffer.alloc(0) };
      break;
    default:
  }
  return { type: QUERY_TYPE.FLOAT64, value: Buffer.from(LEAST) };
}

/** Of a table with these columns in its primary key; undefined without any. */
export function startOf(table: string, key: readonly ColumnInfo[]): string | undefined {
  const columns = key.map(liveColumn);
  return columns[0] && startMessage(table, columns, beforeAll(columns[0]));
}
