import { describe, expect, test } from 'vitest';
import { changedValues } from './retype.js';
import { tokenize } from './sql-tokens.js';

const judge = (before: string, definition: string, charset?: string, certain = true): string | undefined =>
  changedValues({ column: 'c', definition: tokenize(definition) }, { type: before, charset, certain });

describe('a column that is defined anew', () => {
  test.each([
    ['int', 'bigint not null default 1'],
    ['int', 'INTEGER(11) unsigned'],
    ['bigint', 'tinyint'],
    ['tinyint(1)', 'boolean'],
    ['int unsigned', 'decimal(12,2)'],
    ['int', 'double'],
    ['int', 'varchar(20) character set utf8mb4'],
    ['year', 'smallint'],
    ['decimal(10,2)', 'numeric(12,4) default (1.50)'],
    ['float', 'float not null'],
    ['float', 'float(10)'],
    ['double', 'real'],
    ['double', 'double precision not null'],
    ['varchar(10)', 'varchar(200) collate utf8mb4_bin'],
    ['char(4)', 'varchar(40)'],
    ['char(4)', 'character(8)'],
    ['text', "longtext comment 'as (x) character set latin1'"],
    ['varbinary(10)', 'blob'],
    ['binary(4)', 'varbinary(8)'],
    ['binary(4)', 'binary(4) not null'],
    ['date', 'datetime(3)'],
    ['datetime(3)', 'datetime(6) on update current_timestamp(6)'],
    ['time(2)', 'time(2) not null'],
    ["enum('a','b')", "enum('b','a','c')"],
    ["enum('a','as (')", 'varchar(10)'],
    ["set('a','b')", "set('b','a') not null"],
    ['bit(3)', 'bit(10)'],
    ['point', 'geometry srid 0'],
    ['json', 'json'],
    ['vector(3)', 'vector(5)'],
  ])('keeps its values from %s to %s', (before, definition) => {
    expect(judge(before, definition)).toBeUndefined();
  });

  test.each([
    ['double', 'decimal(10,2)', 'rounds'],
    ['decimal(10,4)', 'decimal(10,2)', 'rounds'],
    ['decimal(10,2)', 'decimal(10)', 'rounds'],
    ['decimal(10,2)', 'int', 'rounds'],
    ['decimal(10,2)', 'varchar(40)', 'a sink may have more digits'],
    ['time', 'time(2)', 'another text'],
    ['float', 'double', 'copied values have six digits'],
    ['float', 'float(30)', 'the same'],
    ['double', 'float', 'rounds'],
    ['double', 'double(10,2)', 'rounds'],
    ['bigint', 'double', 'rounds beyond 2^53'],
    ['int', 'float', 'rounds'],
    ['datetime(6)', 'datetime', 'rounds'],
    ['datetime(6)', 'date', 'cuts'],
    ['timestamp', 'datetime', 'takes the time zone of the session'],
    ['time(3)', 'time(1)', 'rounds'],
    ['varchar(10)', 'char(10)', 'cuts spaces off'],
    ['varchar(10)', 'int', 'another spelling'],
    ['varchar(10)', "enum('a')", 'the label may have another case'],
    ['text', 'json', 'another spelling'],
    ['varchar(10)', 'varbinary(10)', 'bytes of its character set'],
    ['varbinary(4)', 'binary(4)', 'pads'],
    ['binary(4)', 'binary(8)', 'pads'],
    ['int', 'year', '70 becomes 1970'],
    ["enum('a','b')", 'int', 'the index'],
    ['int(5) unsigned zerofill', 'varchar(10)', 'with its zeros'],
    ['date', 'int', 'another form'],
    ['int', 'uuid', 'a type this client does not know'],
  ])('may change them from %s to %s: %s', (before, definition) => {
    expect(judge(before, definition)).toMatch(/rounds or respells/);
  });

  test.each([
    ['int as (a + b)'],
    ['int generated always as (a * 2) stored not null'],
    ["varchar(20) collate utf8mb4_bin as (concat(a, ')'))"],
  ])('has other values when it is generated: %s', (definition) => {
    expect(judge('int', definition)).toMatch(/generated/);
  });

  test('has other text in a character set that may lack some of it', () => {
    expect(judge('varchar(10)', 'varchar(10) character set latin1', 'utf8mb4')).toMatch(/character set/);
    expect(judge('varchar(10)', 'text charset ascii collate ascii_bin', 'latin1')).toMatch(/character set/);
    expect(judge('varchar(10)', 'varchar(20) character set latin1', 'latin1')).toBeUndefined();
    expect(judge('varchar(10)', 'varchar(20) charset utf8', 'utf8mb3')).toBeUndefined();
    expect(judge('varchar(10)', 'varchar(20) character set utf8mb4', 'gbk')).toBeUndefined();
  });

  test('whose type the start found already, perhaps behind the statement, is taken for grown where that is usual', () => {
    for (const type of ['bigint', 'varchar(200)', 'longtext', 'varbinary(9)', "enum('a','b')"])
      expect(judge(type, type, undefined, false)).toBeUndefined();
    for (const type of ['decimal(10,2)', 'double', 'datetime', 'char(4)', 'binary(4)', 'json', 'year'])
      expect(judge(type, `${type} not null`, undefined, false)).toMatch(/rounds or respells/);
    expect(judge('decimal(10,2)', 'decimal(12,2)', undefined, false)).toBeUndefined();
    expect(judge('decimal(12,2)', 'decimal(12,2)')).toBeUndefined();
  });

  test('that was not known is not judged, but for one that is generated', () => {
    expect(changedValues({ column: 'c', definition: tokenize('int') }, undefined)).toBeUndefined();
    expect(changedValues({ column: 'c', definition: tokenize('int as (a)') }, undefined)).toMatch(/generated/);
  });
});
