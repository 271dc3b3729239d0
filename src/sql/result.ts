/** Reads the rows of a `QueryResult`: lengths and one run of bytes (G1, G2). Layer 2. */
import { VStreamError } from '../errors.js';
import type { QueryResult } from '../wire/gen/query_pb.js';

const decoder = new TextDecoder('utf-8');

/** One row; columns are counted from 0 in the order of the statement, as servers differ in how they spell names. */
export class ResultRow {
  readonly #cells: readonly (Uint8Array | undefined)[];

  constructor(cells: readonly (Uint8Array | undefined)[]) {
    this.#cells = cells;
  }

  get length(): number {
    return this.#cells.length;
  }

  /** Undefined for NULL. */
  bytes(column: number): Uint8Array | undefined {
    if (column >= this.#cells.length) throw shape(`column ${column + 1} of ${this.#cells.length}`);
    return this.#cells[column];
  }

  textOrNull(column: number): string | undefined {
    const bytes = this.bytes(column);
    return bytes && decoder.decode(bytes);
  }

  /** @throws VStreamError `PROTOCOL` for NULL */
  text(column: number): string {
    const text = this.textOrNull(column);
    if (text === undefined) throw shape(`a value in column ${column + 1}`);
    return text;
  }

  bigintOrNull(column: number): bigint | undefined {
    const text = this.textOrNull(column);
    if (text === undefined) return undefined;
    if (!/^-?\d+$/.test(text)) throw shape(`an integer in column ${column + 1}`);
    return BigInt(text);
  }

  bigint(column: number): bigint {
    const value = this.bigintOrNull(column);
    if (value === undefined) throw shape(`an integer in column ${column + 1}`);
    return value;
  }
}

/** @throws VStreamError `PROTOCOL` when lengths and bytes do not fit each other */
export function rowsOf(result: QueryResult): readonly ResultRow[] {
  return result.rows.map(({ lengths, values }) => {
    const cells: (Uint8Array | undefined)[] = [];
    let offset = 0;
    for (const length of lengths) {
      const size = Number(length);
      if (size < 0) {
        cells.push(undefined);
        continue;
      }
      if (offset + size > values.length) throw shape('a whole row');
      cells.push(values.subarray(offset, offset + size));
      offset += size;
    }
    return new ResultRow(cells);
  });
}

/** The only row. */
export function onlyRow(result: QueryResult): ResultRow {
  const rows = rowsOf(result);
  const row = rows[0];
  if (!row || rows.length > 1) throw shape(`one row, not ${rows.length}`);
  return row;
}

function shape(expected: string): VStreamError {
  return new VStreamError('PROTOCOL', `the answer of VTGate to a statement lacks ${expected}`, {
    next: 'Report this with the version of Vitess.',
  });
}
