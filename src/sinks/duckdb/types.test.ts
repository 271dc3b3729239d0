import { describe, expect, test } from 'vitest';
import { tableVersion } from '../../testing/batch-builder.js';
import { Type as Wire } from '../../wire/gen/query_pb.js';
import { columnType, widerType } from './types.js';

const typeOf = (declared: string): string => {
  const [column] = tableVersion('k.t', { c: declared }).columns;
  if (!column) throw new Error('no column');
  return columnType(column, 'null').duckdb;
};

describe('MySQL types in DuckDB', () => {
  test.each([
    ['tinyint', 'TINYINT'],
    ['tinyint(1)', 'TINYINT'],
    ['tinyint unsigned', 'UTINYINT'],
    ['smallint', 'SMALLINT'],
    ['mediumint unsigned', 'UINTEGER'],
    ['int', 'INTEGER'],
    ['int(5) unsigned zerofill', 'UINTEGER'],
    ['bigint', 'BIGINT'],
    ['bigint unsigned', 'UBIGINT'],
    ['decimal(12,4)', 'DECIMAL(12,4)'],
    ['decimal(38,0)', 'DECIMAL(38,0)'],
    ['decimal(39,2)', 'VARCHAR'],
    ['decimal(10,2) unsigned', 'DECIMAL(10,2)'],
    ['float', 'FLOAT'],
    ['double', 'DOUBLE'],
    ['bit(12)', 'UBIGINT'],
    ['year', 'USMALLINT'],
    ['date', 'DATE'],
    ['datetime(6)', 'TIMESTAMP'],
    ['timestamp', 'TIMESTAMP'],
    ['time(3)', 'VARCHAR'],
    ['json', 'JSON'],
    ["enum('a','b')", 'VARCHAR'],
    ["set('a')", 'VARCHAR'],
    ['varchar(10)', 'VARCHAR'],
    ['longtext', 'VARCHAR'],
    ['binary(4)', 'BLOB'],
    ['varbinary(4)', 'BLOB'],
    ['longblob', 'BLOB'],
    ['geometry', 'BLOB'],
    ['vector(3)', 'FLOAT[]'],
  ])('%s is %s', (declared, expected) => {
    expect(typeOf(declared)).toBe(expected);
  });

  test('the declared type wins over the wire type, which says BINARY for _bin text (B4)', () => {
    const [column] = tableVersion('k.t', { c: 'varchar(10)' }).columns;
    if (!column) throw new Error('no column');
    expect(columnType({ ...column, type: Wire.VARBINARY, charset: 46 }, 'null').duckdb).toBe('VARCHAR');
    expect(columnType({ ...column, columnType: '', type: Wire.BLOB, charset: 46 }, 'null').duckdb).toBe('VARCHAR');
    expect(columnType({ ...column, columnType: '', type: Wire.BLOB, charset: 63 }, 'null').duckdb).toBe('BLOB');
  });

  test('a type number nobody knows is kept as bytes (G8)', () => {
    const [column] = tableVersion('k.t', { c: 'varchar(10)' }).columns;
    if (!column) throw new Error('no column');
    expect(columnType({ ...column, columnType: 'quaternion', type: 9_999 }, 'null').duckdb).toBe('BLOB');
  });
});

describe('the wider of two types', () => {
  test.each([
    ['TINYINT', 'BIGINT', 'BIGINT'],
    ['UTINYINT', 'USMALLINT', 'USMALLINT'],
    ['UTINYINT', 'TINYINT', 'SMALLINT'],
    ['BIGINT', 'UBIGINT', 'HUGEINT'],
    ['UINTEGER', 'SMALLINT', 'BIGINT'],
    ['INTEGER', 'DECIMAL(10,2)', 'DECIMAL(12,2)'],
    ['DECIMAL(10,2)', 'DECIMAL(8,4)', 'DECIMAL(12,4)'],
    ['DECIMAL(38,0)', 'DECIMAL(38,20)', 'VARCHAR'],
    ['FLOAT', 'DOUBLE', 'DOUBLE'],
    ['INTEGER', 'DOUBLE', 'DOUBLE'],
    ['BIGINT', 'DOUBLE', 'VARCHAR'],
    ['DATE', 'TIMESTAMP', 'TIMESTAMP'],
    ['JSON', 'VARCHAR', 'VARCHAR'],
    ['INTEGER', 'VARCHAR', 'VARCHAR'],
    ['VARCHAR', 'BLOB', 'BLOB'],
    ['HUGEINT', 'BIGINT', 'HUGEINT'],
    ['FLOAT[]', 'VARCHAR', 'VARCHAR'],
  ])('of %s and %s is %s', (a, b, expected) => {
    expect(widerType(a, b)).toBe(expected);
    expect(widerType(b, a)).toBe(expected);
  });
});
