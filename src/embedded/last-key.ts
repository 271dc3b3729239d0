/** Last keys: what a copy writes into the vector, and what a client sends back (values.md E.3). */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { TableLastPKSchema, type TableLastPK } from '../wire/gen/binlogdata_pb.js';
import { QueryResultSchema, type QueryResult, Type } from '../wire/gen/query_pb.js';
import { type CellKind, keyFieldOf, type Column } from './columns.js';
import { decodeKeyCell, encodeRow, rowBytes } from './encode.js';
import type { Cell, Row } from './values.js';

export function lastKey(columns: readonly Column[], key: readonly number[], row: Row): QueryResult {
  const encoded = encodeRow(columns, key, row, 'copy');
  const fields = key.map((at) => keyFieldOf(columns[at] as Column));
  return create(QueryResultSchema, { fields, rows: [{ lengths: encoded.lengths.map(BigInt), values: rowBytes(encoded) }] });
}

/** Cells of a last key the client sent; undefined when every row lies behind it. */
export function decodeLastKey(columns: readonly Column[], last: QueryResult): Cell[] | undefined {
  const row = last.rows[0];
  if (!row) return undefined;
  const [first, field] = [columns[0], last.fields[0]];
  if (first && field && isBeforeAll(first, field.type, Buffer.from(row.values.subarray(0, Number(row.lengths[0]))).toString()))
    return undefined;
  let at = 0;
  return columns.map((column, index) => {
    const length = Number(row.lengths[index] ?? -1n);
    if (length < 0) return null;
    const cell = decodeKeyCell(column, row.values.subarray(at, at + length));
    at += length;
    return cell;
  });
}

/** MySQL's order of these as numbers begins at 0; other text, times and floats begin at the least number there is. */
const FROM_ZERO: readonly CellKind[] = ['date', 'datetime', 'year', 'label', 'bit'];
const LEAST = -1.7976931348623157e308;

/**
 * A number that a column of another kind is compared with: MySQL reads the cells as numbers then [copy/behind-number-*]. Of such keys
 * only those that lie before all rows are known here.
 */
function isBeforeAll({ name, kind }: Column, type: Type, text: string): boolean {
  if ((type !== Type.INT64 && type !== Type.FLOAT64) || kind === 'int' || kind === 'bigint' || kind === 'decimal') return false;
  if (Number(text) <= LEAST || (FROM_ZERO.includes(kind) && Number(text) < 0)) return true;
  if (kind === 'float') return false;
  throw new TypeError(`the embedded VTGate does not know which rows of ${name} lie behind ${text}`);
}

/** A deep copy of the client's entries, so that a request is never changed. */
export function copyKeys(keys: readonly TableLastPK[]): TableLastPK[] {
  return keys.map((key) => fromBinary(TableLastPKSchema, toBinary(TableLastPKSchema, key)));
}
