/** Row images as they reach the client: what the filter lets through, and what partial images leave out. */
import type { RowChange, RowsEvent } from './binlog.js';
import type { Column } from './columns.js';
import { encodeRow, type EncodedRow } from './encode.js';
import type { Bitmap, EncodedChange } from './events.js';
import type { TablePlan } from './filter.js';
import { sameCell } from './table-store.js';
import type { Cell, Row } from './values.js';

/**
 * The images that reach the client: both when either passes the filter (values.md A.4). A change whose every cell is NULL is
 * not replicated at all (B53).
 */
export function encodeChange(plan: TablePlan, rows: RowsEvent, change: RowChange): EncodedChange | undefined {
  const { before, after } = change;
  if (plan.filtered && !(before && plan.passes(before)) && !(after && plan.passes(after))) return undefined;
  const { columns } = plan.version;
  const image = (row: Row, skip?: (column: Column) => boolean): EncodedRow => encodeRow(columns, plan.picks, row, 'replication', skip);
  if ([before, after].every((row) => !row || plan.picks.every((at) => row[at] === null))) return undefined;
  const partial = rows.noblob || change.json !== undefined;
  if (!partial) return { ...(before ? { before: image(before) } : {}), ...(after ? { after: image(after) } : {}) };
  return encodePartial(plan, rows, change, image);
}

/** NOBLOB and PARTIAL_JSON images (measured.md section 6): what is left out, and the bitmaps that say so for the after image only. */
function encodePartial(
  plan: TablePlan,
  rows: RowsEvent,
  change: RowChange,
  image: (row: Row, skip?: (column: Column) => boolean) => EncodedRow,
): EncodedChange {
  const { before, after, json } = change;
  const { columns, key } = plan.version;
  const isBlob = (column: Column): boolean => (column.flags & 16) !== 0 && column.kind !== 'json' && !key.includes(columns.indexOf(column));
  const encodedBefore = before && image(before, (column) => rows.noblob && isBlob(column));
  if (!after || !before) return { ...(encodedBefore ? { before: encodedBefore } : {}), ...(after ? { after: image(after) } : {}) };
  const omitted = (column: Column): boolean => {
    const at = columns.indexOf(column);
    return rows.noblob && isBlob(column) && sameCell(before[at] as Cell, after[at] as Cell);
  };
  const patched = json ? after.map((cell, at) => (json.has(at) ? (json.get(at) as string) : cell)) : after;
  const shown = json ? columns.map((column, at) => (json.has(at) ? { ...column, kind: 'date' as const } : column)) : columns; // as it stands: an expression is no JSON
  const jsonColumns = columns.flatMap((column, at) => (column.kind === 'json' ? [at] : []));
  return {
    before: encodedBefore as EncodedRow,
    after: encodeRow(shown, plan.picks, patched, 'replication', (column) => omitted(columns[shown.indexOf(column)] as Column)),
    dataColumns: bitmap(columns.map((column) => !omitted(column))),
    ...(json ? { jsonPartialValues: bitmap(jsonColumns.map((at) => json.has(at))) } : {}),
  };
}

function bitmap(bits: readonly boolean[]): Bitmap {
  const cols = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, index) => {
    if (bit) cols[index >> 3] = (cols[index >> 3] as number) | (1 << (index & 7));
  });
  return { count: bits.length, cols };
}
