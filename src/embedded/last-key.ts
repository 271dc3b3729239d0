/** Last keys: what a copy writes into the vector, and what a client sends back (values.md E.3). */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { TableLastPKSchema, type TableLastPK } from '../wire/gen/binlogdata_pb.js';
import { QueryResultSchema, type QueryResult } from '../wire/gen/query_pb.js';
import { keyFieldOf, type Column } from './columns.js';
import { decodeKeyCell, encodeRow, rowBytes } from './encode.js';
import type { Cell, Row } from './values.js';

export function lastKey(columns: readonly Column[], key: readonly number[], row: Row): QueryResult {
  const encoded = encodeRow(columns, key, row, 'copy');
  const fields = key.map((at) => keyFieldOf(columns[at] as Column));
  return create(QueryResultSchema, { fields, rows: [{ lengths: encoded.lengths.map(BigInt), values: rowBytes(encoded) }] });
}

/** Cells of a last key the client sent back. */
export function decodeLastKey(columns: readonly Column[], last: QueryResult): Cell[] | undefined {
  const row = last.rows[0];
  if (!row) return undefined;
  let at = 0;
  return columns.map((column, index) => {
    const length = Number(row.lengths[index] ?? -1n);
    if (length < 0) return null;
    const cell = decodeKeyCell(column, row.values.subarray(at, at + length));
    at += length;
    return cell;
  });
}

/** A deep copy of the client's entries, so that a request is never changed. */
export function copyKeys(keys: readonly TableLastPK[]): TableLastPK[] {
  return keys.map((key) => fromBinary(TableLastPKSchema, toBinary(TableLastPKSchema, key)));
}
