/**
 * Rows of one table on one shard, in key order, with snapshots. Rows live in chunks; a snapshot shares the chunks, and a write
 * copies the chunk it touches first if a snapshot may still be reading it. So a copy of a million rows costs a list of chunks.
 */
import type { Column } from './columns.js';
import type { Cell, Row } from './values.js';

export interface TableVersion {
  /** New with every change of the table's definition: a tablet sends FIELD again when it meets a new one. */
  readonly id: number;
  readonly name: string;
  readonly columns: readonly Column[];
  /** Positions of the key columns: the primary key, else a NOT NULL unique key, else empty. */
  readonly key: readonly number[];
}

interface Chunk {
  rows: Row[];
  /** Snapshot generation this chunk was made in. */
  generation: number;
}

const CHUNK_ROWS = 512;

export interface Snapshot {
  readonly size: number;
  /** Rows after `last` (all rows without it), in the order of the copy. */
  rows(last?: readonly Cell[]): IterableIterator<Row>;
}

export class TableStore {
  version: TableVersion;
  #chunks: Chunk[] = [];
  #generation = 0;
  #size = 0;

  constructor(version: TableVersion, rows: Iterable<Row> = []) {
    this.version = version;
    for (const row of rows) this.insert(row);
  }

  get size(): number {
    return this.#size;
  }

  /** False when a row with this key is there already. Tables without a key take any row. */
  insert(row: Row): boolean {
    const last = this.#chunks[this.#chunks.length - 1];
    if (this.version.key.length === 0 || !last || this.#compare(row, last.rows[last.rows.length - 1] as Row) > 0) {
      this.#append(row);
      return true;
    }
    const [at, index, found] = this.#find(row);
    if (found) return false;
    const chunk = this.#own(at);
    chunk.rows.splice(index, 0, row);
    this.#size += 1;
    if (chunk.rows.length > CHUNK_ROWS) {
      this.#chunks.splice(at + 1, 0, { rows: chunk.rows.splice(CHUNK_ROWS >> 1), generation: this.#generation });
    }
    return true;
  }

  /** The stored row with the key of `row`; without a key, the first equal row. */
  get(row: Row): Row | undefined {
    const [at, index, found] = this.#find(row);
    return found ? this.#chunks[at]?.rows[index] : undefined;
  }

  /** Puts `after` in the place of `before`; moves it when the key changed. False when the new key is taken. */
  replace(before: Row, after: Row): boolean {
    const [at, index, found] = this.#find(before);
    if (!found) throw new Error(`embedded engine: no such row in ${this.version.name}`);
    if (this.version.key.length === 0 || this.#compare(before, after) === 0) {
      this.#own(at).rows[index] = after;
      return true;
    }
    if (this.get(after)) return false;
    this.delete(before);
    return this.insert(after);
  }

  delete(row: Row): void {
    const [at, index, found] = this.#find(row);
    if (!found) throw new Error(`embedded engine: no such row in ${this.version.name}`);
    const chunk = this.#own(at);
    chunk.rows.splice(index, 1);
    this.#size -= 1;
    if (chunk.rows.length === 0) this.#chunks.splice(at, 1);
  }

  *rows(): IterableIterator<Row> {
    for (const chunk of this.#chunks) yield* chunk.rows;
  }

  snapshot(): Snapshot {
    const chunks = this.#chunks.slice();
    const version = this.version;
    this.#generation += 1; // chunks made before now are shared
    return {
      size: this.#size,
      rows: version.key.length > 0 ? (last) => rowsAfter(chunks, version, last) : (last) => keylessRowsAfter(chunks, version, last),
    };
  }

  #append(row: Row): void {
    const at = this.#chunks.length - 1;
    const last = this.#chunks[at];
    if (last && last.rows.length < CHUNK_ROWS) this.#own(at).rows.push(row);
    else this.#chunks.push({ rows: [row], generation: this.#generation });
    this.#size += 1;
  }

  #own(at: number): Chunk {
    const chunk = this.#chunks[at] as Chunk;
    if (chunk.generation === this.#generation) return chunk;
    const own = { rows: chunk.rows.slice(), generation: this.#generation };
    this.#chunks[at] = own;
    return own;
  }

  #compare(a: Row, b: Row): number {
    return compareRows(this.version.columns, this.version.key, a, b);
  }

  #find(row: Row): [chunk: number, index: number, found: boolean] {
    if (this.version.key.length === 0) return this.#scan(row);
    const at = lowerBound(this.#chunks.length, (middle) => {
      const rows = (this.#chunks[middle] as Chunk).rows;
      return this.#compare(rows[rows.length - 1] as Row, row) < 0;
    });
    const rows = this.#chunks[at]?.rows;
    if (!rows) return [at, 0, false];
    const index = lowerBound(rows.length, (middle) => this.#compare(rows[middle] as Row, row) < 0);
    return [at, index, index < rows.length && this.#compare(rows[index] as Row, row) === 0];
  }

  #scan(row: Row): [chunk: number, index: number, found: boolean] {
    for (const [at, chunk] of this.#chunks.entries()) {
      const index = chunk.rows.findIndex((other) => other.every((cell, column) => sameCell(cell, row[column] as Cell)));
      if (index >= 0) return [at, index, true];
    }
    return [0, 0, false];
  }
}

/** First index for which `before` is false. */
function lowerBound(length: number, before: (middle: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function* rowsAfter(chunks: readonly Chunk[], version: TableVersion, last: readonly Cell[] | undefined): IterableIterator<Row> {
  const key = version.key;
  const isBefore = (row: Row): boolean => compareToKey(version.columns, key, row, last as readonly Cell[]) <= 0;
  let at = 0;
  if (last) {
    at = lowerBound(chunks.length, (middle) => {
      const rows = (chunks[middle] as Chunk).rows;
      return isBefore(rows[rows.length - 1] as Row);
    });
    const rows = chunks[at]?.rows;
    if (!rows) return;
    for (let index = lowerBound(rows.length, (middle) => isBefore(rows[middle] as Row)); index < rows.length; index += 1)
      yield rows[index] as Row;
    at += 1;
  }
  for (; at < chunks.length; at += 1) yield* (chunks[at] as Chunk).rows;
}

/**
 * A table without a key is copied ordered by all its columns, and resumed strictly after the last row: rows equal to it that
 * were not sent yet are lost (measured.md section 2). The engine loses them too.
 */
function* keylessRowsAfter(chunks: readonly Chunk[], version: TableVersion, last: readonly Cell[] | undefined): IterableIterator<Row> {
  const all = version.columns.map((_, index) => index);
  const sorted = chunks.flatMap((chunk) => chunk.rows).sort((a, b) => compareRows(version.columns, all, a, b));
  for (const row of sorted) if (!last || compareToKey(version.columns, all, row, last) > 0) yield row;
}

function compareRows(columns: readonly Column[], key: readonly number[], a: Row, b: Row): number {
  for (const at of key) {
    const order = compareCells(columns[at] as Column, a[at] as Cell, b[at] as Cell);
    if (order !== 0) return order;
  }
  return 0;
}

function compareToKey(columns: readonly Column[], key: readonly number[], row: Row, last: readonly Cell[]): number {
  for (const [index, at] of key.entries()) {
    const order = compareCells(columns[at] as Column, row[at] as Cell, last[index] as Cell);
    if (order !== 0) return order;
  }
  return 0;
}

/** MySQL's order: NULL first, numbers by value, bytes and `_bin` text by bytes, other text by its collation. */
export function compareCells(column: Column, a: Cell, b: Cell): number {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  if (typeof a === 'string' && typeof b === 'string') {
    if (column.kind === 'text') return compareText(column.collation, a, b);
    if (column.kind === 'decimal') return compareDecimals(a, b);
    if (column.kind === 'label' && column.base === 'enum') return column.labels.indexOf(a) - column.labels.indexOf(b);
    if (column.kind === 'time') return timeValue(a) - timeValue(b);
    return a < b ? -1 : 1;
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

const collator = new Intl.Collator('und', { sensitivity: 'base' });
const PLAIN = /^[0-9a-z]*$/;

/** ICU's root order stands in for utf8mb4_0900_ai_ci and its relatives: letters, digits and accents agree. */
function compareText(collation: string, a: string, b: string): number {
  if (collation.endsWith('_bin')) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (PLAIN.test(a) && PLAIN.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  return collator.compare(a, b);
}

function compareDecimals(a: string, b: string): number {
  const scale = Math.max(a.split('.')[1]?.length ?? 0, b.split('.')[1]?.length ?? 0);
  const value = (text: string): bigint => {
    const [whole = '', fraction = ''] = text.split('.');
    return BigInt(whole + fraction.padEnd(scale, '0'));
  };
  const left = value(a);
  const right = value(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

function timeValue(text: string): number {
  const [hours = '0', minutes = '0', seconds = '0'] = text.replace('-', '').split(':');
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * (text.startsWith('-') ? -1 : 1);
}

export function sameCell(a: Cell, b: Cell): boolean {
  return a === b || Object.is(a, b) || (a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0);
}
