/**
 * Cells as the engine stores them. One stored form per column kind, so that `engine.rows()` can be compared with a sink:
 *
 * | kind | stored |
 * |---|---|
 * | int, year | number |
 * | bigint | bigint |
 * | float | number (FLOAT rounded to 32 bits) |
 * | decimal | string with every digit of the scale |
 * | text, label | string; a Uint8Array where the engine has no encoder for the character set |
 * | bytes, bit | Uint8Array (BINARY padded, BIT big-endian) |
 * | json | MySQL's own text |
 * | date, datetime, time | string with every fraction digit |
 */
import type { Column } from './columns.js';
import { parseJson, printJson } from './json-text.js';

export type Cell = null | number | bigint | string | Uint8Array;
/** Cells in column order. Never changed after it was stored. */
export type Row = readonly Cell[];
/**
 * A row as tests write and read it: integers as number, bigint or text, decimals and times as text, dates as text or `Date` (UTC), JSON as
 * the document or its text, bytes as `Uint8Array`, a vector as a list of numbers. A column left out has its default, or NULL.
 */
export type RowObject = Record<string, unknown>;

/** Turns what a test passes into the stored form; throws on what MySQL in strict mode would refuse. */
export function storeCell(column: Column, value: unknown): Cell {
  if (value === null || value === undefined) {
    if (!column.nullable) throw new Error(`embedded engine: column ${column.name} cannot be null`);
    return null;
  }
  switch (column.kind) {
    case 'int':
    case 'year': {
      const number = Number(value);
      if (!Number.isSafeInteger(number)) throw new Error(`embedded engine: ${String(value)} is not an integer for ${column.name}`);
      return number;
    }
    case 'bigint':
      return typeof value === 'bigint' ? value : BigInt(value as number | string);
    case 'float': {
      const number = Number(value);
      if (Number.isNaN(number)) throw new Error(`embedded engine: ${String(value)} is not a number for ${column.name}`);
      return column.base === 'float' ? Math.fround(number) : number;
    }
    case 'decimal':
      return storeDecimal(column, String(value));
    case 'bit':
      return storeBit(column, value);
    case 'bytes':
      return storeBytes(column, value);
    case 'json':
      return printJson(parseJson(typeof value === 'string' ? value : JSON.stringify(value, bigintAsNumber)), 'mysql');
    case 'text':
    case 'label':
      if (value instanceof Uint8Array) return Uint8Array.from(value);
      return column.base === 'char' ? String(value).replace(/ +$/, '') : String(value); // B28
    case 'date':
      return value instanceof Date ? value.toISOString().slice(0, 10) : String(value);
    case 'datetime':
      return withFraction(
        value instanceof Date ? value.toISOString().replace('T', ' ').replace('Z', '') : String(value),
        column.decimals,
        ' 00:00:00',
      );
    case 'time':
      return withFraction(String(value), column.decimals, '');
  }
}

export function storeRow(columns: readonly Column[], row: RowObject): Row {
  for (const name of Object.keys(row)) {
    if (!columns.some((column) => column.name === name)) throw new Error(`embedded engine: unknown column ${name}`);
  }
  return columns.map((column) => storeCell(column, row[column.name] === undefined ? column.default : row[column.name]));
}

export function toObject(columns: readonly Column[], row: Row): RowObject {
  const object: RowObject = {};
  columns.forEach((column, index) => {
    object[column.name] = row[index];
  });
  return object;
}

function bigintAsNumber(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

function storeDecimal(column: Column, text: string): string {
  const found = /^([-+]?)(\d*)(?:\.(\d*))?$/.exec(text.trim());
  if (!found || (found[2] === '' && !found[3])) throw new Error(`embedded engine: ${text} is not a decimal for ${column.name}`);
  const digits = (found[3] ?? '').padEnd(column.decimals, '0');
  if (digits.length > column.decimals) throw new Error(`embedded engine: ${text} has too many decimals for ${column.name}`);
  const whole = (found[2] ?? '').replace(/^0+(?=\d)/, '') || '0';
  const negative = found[1] === '-' && /[1-9]/.test(whole + digits);
  return `${negative ? '-' : ''}${whole}${digits === '' ? '' : `.${digits}`}`;
}

function storeBit(column: Column, value: unknown): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((column.size ?? 1) / 8));
  if (value instanceof Uint8Array) {
    bytes.set(value.subarray(Math.max(0, value.length - bytes.length)), Math.max(0, bytes.length - value.length));
    return bytes;
  }
  let rest = BigInt(value as number | bigint | string | boolean);
  for (let at = bytes.length - 1; at >= 0; at -= 1, rest >>= 8n) bytes[at] = Number(rest & 255n);
  return bytes;
}

function storeBytes(column: Column, value: unknown): Uint8Array {
  if (column.base === 'vector' && Array.isArray(value)) {
    const vector = Buffer.alloc(value.length * 4);
    value.forEach((item, index) => vector.writeFloatLE(Number(item), index * 4));
    return new Uint8Array(vector);
  }
  const bytes = value instanceof Uint8Array ? value : Buffer.from(String(value));
  if (column.base !== 'binary') return Uint8Array.from(bytes);
  const padded = new Uint8Array(column.size ?? bytes.length); // B27
  padded.set(bytes.subarray(0, padded.length));
  return padded;
}

function withFraction(text: string, digits: number, time: string): string {
  const full = /^\d{4}-\d\d-\d\d$/.test(text) ? text + time : text;
  const [whole = '', fraction = ''] = full.split('.');
  return digits === 0 ? whole : `${whole}.${fraction.padEnd(digits, '0').slice(0, digits)}`; // B32
}
