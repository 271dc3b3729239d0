/** MySQL's declared types as FIELD events name them, for tables made by hand. Layer 6. */
import { QUERY_TYPE as Type } from '../schema/mysql-type.js';

const BINARY = 63;
const UTF8MB4 = 255;
const UNSIGNED = 32;

const BY_BASE: Readonly<Record<string, readonly [type: number, unsigned: number, charset: number]>> = {
  tinyint: [Type.INT8, Type.UINT8, BINARY],
  smallint: [Type.INT16, Type.UINT16, BINARY],
  mediumint: [Type.INT24, Type.UINT24, BINARY],
  int: [Type.INT32, Type.UINT32, BINARY],
  bigint: [Type.INT64, Type.UINT64, BINARY],
  float: [Type.FLOAT32, Type.FLOAT32, BINARY],
  double: [Type.FLOAT64, Type.FLOAT64, BINARY],
  decimal: [Type.DECIMAL, Type.DECIMAL, BINARY],
  bit: [Type.BIT, Type.BIT, BINARY],
  year: [Type.YEAR, Type.YEAR, BINARY],
  date: [Type.DATE, Type.DATE, BINARY],
  datetime: [Type.DATETIME, Type.DATETIME, BINARY],
  timestamp: [Type.TIMESTAMP, Type.TIMESTAMP, BINARY],
  time: [Type.TIME, Type.TIME, BINARY],
  char: [Type.CHAR, Type.CHAR, UTF8MB4],
  varchar: [Type.VARCHAR, Type.VARCHAR, UTF8MB4],
  tinytext: [Type.TEXT, Type.TEXT, UTF8MB4],
  text: [Type.TEXT, Type.TEXT, UTF8MB4],
  mediumtext: [Type.TEXT, Type.TEXT, UTF8MB4],
  longtext: [Type.TEXT, Type.TEXT, UTF8MB4],
  enum: [Type.ENUM, Type.ENUM, UTF8MB4],
  set: [Type.SET, Type.SET, UTF8MB4],
  json: [Type.JSON, Type.JSON, BINARY],
  binary: [Type.BINARY, Type.BINARY, BINARY],
  varbinary: [Type.VARBINARY, Type.VARBINARY, BINARY],
  tinyblob: [Type.BLOB, Type.BLOB, BINARY],
  blob: [Type.BLOB, Type.BLOB, BINARY],
  mediumblob: [Type.BLOB, Type.BLOB, BINARY],
  longblob: [Type.BLOB, Type.BLOB, BINARY],
  geometry: [Type.GEOMETRY, Type.GEOMETRY, BINARY],
  point: [Type.GEOMETRY, Type.GEOMETRY, BINARY],
  vector: [Type.VECTOR, Type.VECTOR, BINARY],
};

export function declaredType(columnType: string): { type: number; charset: number; flags: number } {
  const base = /^[a-z]+/.exec(columnType.toLowerCase())?.[0] ?? '';
  const unsigned = / unsigned/.test(columnType);
  const [type, unsignedType, charset] = BY_BASE[base] ?? [Type.VARCHAR, Type.VARCHAR, UTF8MB4];
  return { type: unsigned ? unsignedType : type, charset, flags: unsigned ? UNSIGNED : 0 };
}
