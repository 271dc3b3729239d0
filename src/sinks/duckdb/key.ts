/** A row's primary key as one string, to find the changes of the same key. Layer 5. */
import type { Cells } from '../../schema/cells.js';
import type { TableVersion } from '../../schema/table.js';
import { columnType } from './types.js';

export type KeyReader = (cells: Cells) => string;

/**
 * Equal text exactly for equal keys: exact values, as MySQL's own collation has already decided which rows are one. Of a key of one
 * number, BIT included, it is the decimal digits, which high-water.ts compares.
 */
export function keyReader(version: TableVersion): KeyReader {
  const columns = version.columns.flatMap((column, index) => {
    if (!column.key) return [];
    return [{ index, raw: columnType(column, 'text').kind === 'bytes' }];
  });
  const read = (cells: Cells, column: { index: number; raw: boolean }): string => {
    if (!column.raw) return cells.text(column.index) ?? '';
    const bytes = cells.bytes(column.index);
    return bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') : '';
  };
  const [only] = columns;
  if (columns.length === 1 && only) return (cells) => read(cells, only);
  return (cells) => {
    let key = '';
    for (const column of columns) {
      const part = read(cells, column);
      key += `${part.length}:${part}`;
    }
    return key;
  };
}
