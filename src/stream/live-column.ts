/** A column as information_schema tells of it, in the form FIELD events have, for what must be known before the first one. Pure. Layer 3. */
import { QUERY_TYPE, sqlType } from '../schema/mysql-type.js';
import type { Column } from '../schema/table.js';
import { binCollationId } from '../schema/where-compare.js';
import type { ColumnInfo } from '../sql/tables.js';

/** Any collation other than those: only the server can compare it. */
const OTHER_COLLATION = 255;
const BINARY = 63;

/** As far as comparing with literals goes. */
export function liveColumn({ name, type: columnType, collation, nullable }: ColumnInfo): Column {
  const { kind, name: typeName } = sqlType(columnType);
  return {
    name,
    type: WIRE_TYPE[typeName ?? ''] ?? 0,
    columnType,
    charset: collation === undefined ? BINARY : (binCollationId(collation) ?? OTHER_COLLATION),
    length: 0,
    decimals: kind === 'datetime' || kind === 'timestamp' ? Number(/\((\d)\)/.exec(columnType)?.[1] ?? 0) : 0,
    flags: 0,
    nullable,
    key: false,
  };
}

/** By the names `sqlType` gives; 0 is a type nobody knows. */
const WIRE_TYPE: Readonly<Record<string, number>> = {
  tinyint: QUERY_TYPE.INT8,
  smallint: QUERY_TYPE.INT16,
  mediumint: QUERY_TYPE.INT24,
  int: QUERY_TYPE.INT32,
  bigint: QUERY_TYPE.INT64,
  decimal: QUERY_TYPE.DECIMAL,
  float: QUERY_TYPE.FLOAT32,
  double: QUERY_TYPE.FLOAT64,
  year: QUERY_TYPE.YEAR,
  date: QUERY_TYPE.DATE,
  datetime: QUERY_TYPE.DATETIME,
  timestamp: QUERY_TYPE.TIMESTAMP,
  time: QUERY_TYPE.TIME,
  bit: QUERY_TYPE.BIT,
  char: QUERY_TYPE.VARCHAR,
  varchar: QUERY_TYPE.VARCHAR,
  enum: QUERY_TYPE.ENUM,
  text: QUERY_TYPE.TEXT,
  binary: QUERY_TYPE.BINARY,
  varbinary: QUERY_TYPE.VARBINARY,
  blob: QUERY_TYPE.BLOB,
  set: QUERY_TYPE.SET,
  json: QUERY_TYPE.JSON,
  geometry: QUERY_TYPE.GEOMETRY,
  vector: QUERY_TYPE.VECTOR,
};
