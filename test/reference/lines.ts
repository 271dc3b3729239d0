/** Rows and groups of both readings as lines of text: what differs is seen at once, and thousands of them compare fast. */
import { Type } from '../../src/wire/gen/query_pb.js';
import type { Cells } from '../../src/schema/cells.js';
import type { Unit } from '../../src/stream/grouper.js';
import type { TableVersion } from '../../src/schema/table.js';
import type { ReferenceCell } from './events.js';
import type { ReferenceGroup, ReferenceRow } from './grouper.js';

export interface GroupLine {
  readonly kind: 'rows' | 'statement' | 'empty';
  readonly statement: string;
  readonly gtid: string | undefined;
  readonly rows: readonly string[];
}

/** What both a change record and a `Change` have. */
export interface ComparedChange {
  readonly op: string;
  readonly table: string;
  readonly gtid: string | undefined;
  readonly schema: TableVersion;
  readonly beforeCells: Cells | undefined;
  readonly afterCells: Cells | undefined;
}

const OMITTED = '(omitted)';
/** Completed from the document before; its values are the business of the schema tests. */
const PARTIAL = '(partial JSON)';

type Text = ReferenceCell | undefined;

function rowText(op: string, table: string, gtid: string, before: readonly Text[] | undefined, after: readonly Text[] | undefined): string {
  return JSON.stringify([op, table, gtid, before ?? null, after ?? null]);
}

export function expectedRow(row: ReferenceRow, op: ReferenceRow['op'] = row.op): string {
  let json = 0;
  const after = row.after?.map((cell, index) => {
    const partial = row.columns[index]?.json === true && row.partialJson?.[json++] === true;
    if (row.sent?.[index] === false) return OMITTED;
    return partial ? PARTIAL : cell;
  });
  // Without the keyspace in front where the request asked for bare names.
  const table = row.table.slice(row.table.indexOf('.') + 1);
  return rowText(op, table, row.gtid, op === 'insert' ? undefined : row.before, op === 'delete' ? undefined : after);
}

export function expectedLines(groups: readonly ReferenceGroup[]): GroupLine[] {
  return groups.map(({ kind, statement, gtid, rows }) => ({
    kind: kind === 'statement' ? 'statement' : rows.length > 0 ? 'rows' : 'empty',
    statement,
    gtid,
    rows: rows.map((row) => expectedRow(row)),
  }));
}

/** `reference` only says which JSON cells are not compared. */
export function actualRow(change: ComparedChange, reference: ReferenceRow | undefined): string {
  let json = 0;
  const after = cellsOf(change.afterCells, (cells, index) => {
    const partial = change.schema.columns[index]?.type === Type.JSON && reference?.partialJson?.[json++] === true;
    if (partial) return PARTIAL;
    return cells.isAbsent(index) ? OMITTED : cellText(cells, index);
  });
  return rowText(change.op, change.table, change.gtid ?? '', cellsOf(change.beforeCells, cellText), after);
}

export function actualLine(unit: Unit, reference: ReferenceGroup | undefined): GroupLine | undefined {
  const gtid = unit.vgtid?.gtid;
  switch (unit.kind) {
    case 'group': {
      const rows = unit.changes.map((change, index) => actualRow(change, reference?.rows[index]));
      return { kind: rows.length > 0 ? 'rows' : 'empty', statement: '', gtid, rows };
    }
    case 'statement':
      return { kind: 'statement', statement: unit.statement, gtid, rows: [] };
    case 'checkpoint':
      return { kind: 'empty', statement: '', gtid, rows: [] };
    default:
      return undefined;
  }
}

function cellsOf(cells: Cells | undefined, read: (cells: Cells, index: number) => Text): Text[] | undefined {
  return cells && Array.from({ length: cells.count }, (_, index) => read(cells, index));
}

/** NULL and not sent are one here: a before image does not tell them apart (measured.md section 6). */
function cellText(cells: Cells, index: number): ReferenceCell {
  const bytes = cells.bytes(index);
  return bytes === undefined ? null : Buffer.from(bytes).toString('latin1');
}
