/** Cells into DuckDB vectors: one writer per column, chosen by the MySQL type and the type the DuckDB column has. Layer 5. */
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import type { Cells } from '../../schema/cells.js';
import type { Column } from '../../schema/table.js';
import type { Driver } from './driver.js';
import { unfitCell } from './refusals.js';
import { columnType } from './types.js';

/** Values into a vector; `null` is SQL NULL. The vector's own type may differ from the column's: DuckDB casts it then. */
export interface Writer {
  readonly type: DuckDBType;
  value(cells: Cells, index: number): DuckDBValue;
}

export interface WriterOptions {
  readonly zeroDates: 'null' | 'text' | 'fail';
  /** Part of a key: NULL cannot stand for a value. */
  readonly key: boolean;
}

/** `duckdb` is the type of the DuckDB column, equal to or wider than the MySQL column's own. */
export function columnWriter(driver: Driver, column: Column, duckdb: string, options: WriterOptions): Writer {
  const { kind } = columnType(column, options.zeroDates);
  const text = (cells: Cells, index: number): string | null => cells.text(index) ?? null;
  if (duckdb === 'BLOB') {
    const raw = kind === 'bytes' || kind === 'bit' || kind === 'vector';
    return {
      type: driver.BLOB,
      value: (cells, index) => {
        const bytes = raw ? cells.bytes(index) : utf8(cells.text(index));
        return bytes === undefined ? null : new driver.DuckDBBlobValue(bytes);
      },
    };
  }
  switch (kind) {
    case 'integer': {
      const type = smallInteger(driver, duckdb);
      if (type) return { type, value: (cells, index) => numberOf(cells.text(index)) };
      if (duckdb === 'BIGINT' || duckdb === 'UBIGINT') {
        return { type: duckdb === 'BIGINT' ? driver.BIGINT : driver.UBIGINT, value: (cells, index) => bigintOf(cells.text(index)) };
      }
      return { type: driver.VARCHAR, value: text };
    }
    case 'float':
      if (duckdb === 'FLOAT' || duckdb === 'DOUBLE') {
        return { type: duckdb === 'FLOAT' ? driver.FLOAT : driver.DOUBLE, value: (cells, index) => numberOf(cells.text(index)) };
      }
      return { type: driver.VARCHAR, value: text };
    case 'bit':
      // BIT is bytes, not text (B26).
      if (duckdb === 'UBIGINT') return { type: driver.UBIGINT, value: (cells, index) => bitsOf(cells.bytes(index)) };
      return { type: driver.VARCHAR, value: (cells, index) => bitsOf(cells.bytes(index))?.toString() ?? null };
    case 'vector':
      if (duckdb === 'FLOAT[]') {
        return { type: driver.LIST(driver.FLOAT), value: (cells, index) => floatsOf(driver, cells.bytes(index)) };
      }
      return { type: driver.VARCHAR, value: (cells, index) => floatsOf(driver, cells.bytes(index))?.toString() ?? null };
    case 'bytes':
      // Only when the user made the column something else: as DuckDB prints a BLOB.
      return {
        type: driver.VARCHAR,
        value: (cells, index) => {
          const bytes = cells.bytes(index);
          return bytes === undefined ? null : new driver.DuckDBBlobValue(bytes).toString();
        },
      };
    case 'date':
    case 'datetime':
      if (duckdb === 'DATE' || duckdb === 'TIMESTAMP') return { type: driver.VARCHAR, value: temporal(column, options) };
      return { type: driver.VARCHAR, value: text };
    default:
      return { type: driver.VARCHAR, value: text };
  }
}

function smallInteger(driver: Driver, duckdb: string): DuckDBType | undefined {
  switch (duckdb) {
    case 'TINYINT':
      return driver.TINYINT;
    case 'UTINYINT':
      return driver.UTINYINT;
    case 'SMALLINT':
      return driver.SMALLINT;
    case 'USMALLINT':
      return driver.USMALLINT;
    case 'INTEGER':
      return driver.INTEGER;
    case 'UINTEGER':
      return driver.UINTEGER;
    default:
      return undefined;
  }
}

const numberOf = (text: string | undefined): number | null => (text === undefined ? null : Number(text));
const bigintOf = (text: string | undefined): bigint | null => (text === undefined ? null : BigInt(text));
const utf8 = (text: string | undefined): Uint8Array | undefined => (text === undefined ? undefined : Buffer.from(text, 'utf8'));

function bitsOf(bytes: Uint8Array | undefined): bigint | null {
  if (bytes === undefined) return null;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function floatsOf(driver: Driver, bytes: Uint8Array | undefined): InstanceType<Driver['DuckDBListValue']> | null {
  if (bytes === undefined) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new driver.DuckDBListValue(Array.from({ length: bytes.byteLength >> 2 }, (_, index) => view.getFloat32(index * 4, true)));
}

/** Text that DuckDB can read, or the policy for what is no date (B31). */
function temporal(column: Column, options: WriterOptions): Writer['value'] {
  return (cells, index) => {
    const text = cells.text(index);
    if (text === undefined) return null;
    if (isCalendarDate(text)) return text;
    if (options.zeroDates === 'null' && !options.key) return null;
    throw unfitCell(
      column.name,
      `holds ${text}, which is no date for DuckDB`,
      "Set the sink's option `zeroDates: 'text'` and use a new file, or correct the row.",
    );
  };
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** `YYYY-MM-DD…`: a month and day that exist in that year, and a year other than 0. */
export function isCalendarDate(text: string): boolean {
  const digit = (at: number): number => text.charCodeAt(at) - 48;
  const year = digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3);
  const month = digit(5) * 10 + digit(6);
  const day = digit(8) * 10 + digit(9);
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= (DAYS[month - 1] ?? 0))) return false;
  return month !== 2 || day < 29 || (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0));
}
