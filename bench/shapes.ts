/** What the rows of the benchmark look like: columns as SQL types, cells as the text MySQL sends. */
import type { ColumnInput } from '../src/embedded/columns.js';

export interface Shape {
  readonly name: string;
  readonly columns: readonly ColumnInput[];
  /** Cells of row `index` in wire form; null is NULL. */
  cells(index: number): readonly (string | null)[];
}

const LOREM = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore ';
const STATUSES = ['placed', 'paid', 'packed', 'shipped', 'returned'];
const FOREIGN = ['Größe', '東京都渋谷区', 'naïve café', 'Łódź', 'Ελλάδα', 'привет мир', '🚀 start', 'señor'];

const pad = (value: number, digits: number): string => String(value).padStart(digits, '0');
const time = (index: number): string =>
  `2026-${pad(1 + (index % 12), 2)}-${pad(1 + (index % 28), 2)} ${pad(index % 24, 2)}:${pad(index % 60, 2)}:${pad((index * 7) % 60, 2)}.${pad((index * 7919) % 1_000_000, 6)}`;
const price = (index: number): string => `${index % 10_000}.${pad((index * 37) % 100, 2)}`;
/** A 64-bit id of 19 digits, as snowflake ids are. */
const snowflake = (index: number): string => String(7_300_000_000_000_000_000n + BigInt(index) * 4_194_304n);
const text = (index: number, length: number): string => `${index} ${LOREM.repeat(Math.ceil(length / LOREM.length))}`.slice(0, length);

/** The row of design.md section 6: six columns, about 170 bytes with everything around it. */
const six: Shape = {
  name: 'six',
  columns: [
    { name: 'id', type: 'bigint', key: true },
    { name: 'customer_id', type: 'int' },
    { name: 'status', type: 'varchar(20)' },
    { name: 'total', type: 'decimal(12,2)' },
    { name: 'note', type: 'varchar(255)' },
    { name: 'created_at', type: 'datetime(6)' },
  ],
  cells: (index) => [
    String(1_000_000 + index),
    String(index % 5000),
    STATUSES[index % 5] ?? '',
    price(index),
    text(index, 48),
    time(index),
  ],
};

const wide: Shape = {
  name: 'wide',
  columns: [
    { name: 'id', type: 'bigint', key: true },
    ...Array.from(
      { length: 99 },
      (_, at): ColumnInput => ({ name: `c${at}`, type: ['int', 'varchar(40)', 'decimal(12,2)', 'datetime', 'double'][at % 5] ?? 'int' }),
    ),
  ],
  cells: (index) => [
    String(index),
    ...Array.from({ length: 99 }, (_, at) => {
      const seed = index * 31 + at;
      return (
        [String(seed % 1_000_000), `value ${seed % 100_000}`, price(seed), time(seed).slice(0, 19), String((seed % 10_000) / 8)][at % 5] ??
        ''
      );
    }),
  ],
};

const longText: Shape = {
  name: 'longText',
  columns: [
    { name: 'id', type: 'bigint', key: true },
    { name: 'title', type: 'varchar(200)' },
    { name: 'body', type: 'text' },
  ],
  cells: (index) => [String(index), text(index, 60), text(index, 6000)],
};

/** Three rows of ten have text that is not ASCII. */
const unicode: Shape = {
  name: 'unicode',
  columns: six.columns,
  cells: (index) =>
    six.cells(index).map((cell, at) => (at === 4 && index % 10 < 3 ? `${FOREIGN[index % 8] ?? ''} ${String(cell).slice(0, 40)}` : cell)),
};

const nulls: Shape = {
  name: 'nulls',
  columns: [
    { name: 'id', type: 'bigint', key: true },
    ...Array.from(
      { length: 19 },
      (_, at): ColumnInput => ({ name: `c${at}`, type: ['int', 'varchar(40)', 'decimal(12,2)', 'datetime'][at % 4] ?? 'int' }),
    ),
  ],
  cells: (index) => [
    String(index),
    ...Array.from({ length: 19 }, (_, at) => {
      const seed = index * 31 + at;
      if (seed % 5 !== 0) return null;
      return [String(seed % 1_000_000), `value ${seed % 100_000}`, price(seed), time(seed).slice(0, 19)][at % 4] ?? '';
    }),
  ],
};

const bigints: Shape = {
  name: 'bigints',
  columns: Array.from(
    { length: 10 },
    (_, at): ColumnInput => ({ name: `id${at}`, type: at % 2 === 0 ? 'bigint' : 'bigint unsigned', key: at === 0 }),
  ),
  cells: (index) => Array.from({ length: 10 }, (_, at) => snowflake(index * 10 + at)),
};

const json: Shape = {
  name: 'json',
  columns: [
    { name: 'id', type: 'bigint', key: true },
    { name: 'doc', type: 'json' },
  ],
  cells: (index) => [
    String(index),
    `{"id": ${index}, "name": "${text(index, 40)}", "tags": ["a", "b", "${STATUSES[index % 5]}"], "price": ${price(index)}, ` +
      `"address": {"street": "${text(index, 30)}", "zip": "${pad(index % 100_000, 5)}", "geo": [${(index % 180) / 2}, ${(index % 90) / 4}]}, ` +
      `"items": [${[1, 2, 3].map((at) => `{"sku": "sku-${index + at}", "qty": ${at}, "gift": ${at === 2}}`).join(', ')}], "note": null}`,
  ],
};

export const SHAPES: Readonly<Record<string, Shape>> = { six, wide, unicode, nulls, bigints, json, longText };
