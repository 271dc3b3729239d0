/**
 * `where` read and evaluated by the client. Layer 2.
 * The server sends an update when either image passes the filter and nothing afterwards (measured.md section 2), so the client
 * has to know on its own which image passes. That is only safe where client and server cannot differ: comparisons of numbers,
 * dates, binary and `_bin` text with literals, joined by AND. Everything else is refused with the reason.
 */
import { type ErrorCode, VStreamError } from '../errors.js';
import type { Cells } from './cells.js';
import type { Image, RowDecoder, RowSource } from './decoder.js';
import { CellFailure } from './failure.js';
import type { TableRef, TableVersion } from './table.js';
import { type Comparer, comparerFor, ComparisonRefused } from './where-compare.js';
import { type Condition, FilterSyntaxError, parseConditions } from './where-parse.js';

/** True when the image passes. Throws `PARTIAL_IMAGE` when a column of the filter was not sent. */
export type RowFilter = (source: RowSource, image: Image) => boolean;

/**
 * Checks the text alone: syntax and forms that are never accepted. Throws `FILTER_REFUSED` with the reason. What depends on the
 * columns is checked by `compileWhere`, with the live columns before the first RPC and with each FIELD.
 */
export function checkWhere(where: string, ref?: Partial<TableRef>): void {
  conditionsOf(where, ref);
}

/** The reason why the text can never be used, a clause; undefined when only its columns decide. */
export function whereProblem(where: string): string | undefined {
  try {
    parseConditions(where);
    return undefined;
  } catch (error) {
    if (error instanceof FilterSyntaxError) return error.message;
    throw error;
  }
}

/** The columns a filter names, as written. Throws `FILTER_REFUSED`. */
export function whereColumns(where: string): readonly string[] {
  return conditionsOf(where, undefined).map(({ column }) => column);
}

/** What to write instead of a refused filter. */
export const WHERE_NEXT = 'Write AND of column, operator and literal on numbers, dates, binary or _bin text, or filter in the handler.';

/** Compiles the filter for one version of the table. Throws `FILTER_REFUSED` or `COLUMN_NOT_FOUND`. */
export function compileFilter(where: string, decoder: RowDecoder): RowFilter {
  const passes = compileWhere(where, decoder.version);
  return (source, image) => passes(decoder.cells(source, image));
}

type Columns = Pick<TableVersion, 'keyspace' | 'table' | 'columns'>;

/** The same on cells. */
export function compileWhere(where: string, version: Columns): (cells: Cells) => boolean {
  const tests = conditionsOf(where, version).map((condition) => testOf(condition, where, version));
  return (cells) => tests.every((test) => test(cells));
}

function conditionsOf(where: string, ref: Partial<TableRef> | undefined): readonly Condition[] {
  try {
    return parseConditions(where);
  } catch (error) {
    if (!(error instanceof FilterSyntaxError)) throw error;
    throw refused('FILTER_REFUSED', error.message, ref);
  }
}

function refused(code: ErrorCode, reason: string, ref: Partial<TableRef> | undefined, column?: string): VStreamError {
  const of = ref?.table === undefined ? '' : ` of ${ref.keyspace === undefined ? '' : `${ref.keyspace}.`}${ref.table}`;
  return new VStreamError(code, `the filter${of} cannot be used: ${reason}`, {
    keyspace: ref?.keyspace,
    table: ref?.table,
    column,
    next: WHERE_NEXT,
  });
}

function testOf(condition: Condition, where: string, version: Columns): (cells: Cells) => boolean {
  const index = version.columns.findIndex((column) => column.name.toLowerCase() === condition.column.toLowerCase());
  const column = version.columns[index];
  if (!column)
    throw refused('COLUMN_NOT_FOUND', `there is no column ${condition.column} among the columns streamed`, version, condition.column);
  const absent = (): never => {
    throw new VStreamError(
      'PARTIAL_IMAGE',
      `column ${column.name} of the filter "${where}" was not sent with a row of ${version.keyspace}.${version.table}`,
      {
        keyspace: version.keyspace,
        table: version.table,
        column: column.name,
        next: 'Set binlog_row_image to FULL, or filter on another column.',
      },
    );
  };
  if (condition.test === 'null') {
    return (cells) => (cells.isAbsent(index) ? absent() : cells.isNull(index) !== condition.negated);
  }
  let comparers: readonly Comparer[];
  try {
    comparers = condition.literals.map((literal) => comparerFor(column, literal));
  } catch (error) {
    if (!(error instanceof ComparisonRefused)) throw error;
    throw refused('FILTER_REFUSED', error.message, version, column.name);
  }
  const holds = holdsFor(condition, comparers);
  // NULL compares as neither true nor false: the row does not pass, negated or not.
  return (cells) => {
    if (cells.isAbsent(index)) return absent();
    if (cells.isNull(index)) return false;
    try {
      return holds(cells, index);
    } catch (error) {
      // Broken bytes: the reader of the column reports them with all names.
      if (error instanceof CellFailure) cells.text(index);
      throw error;
    }
  };
}

function holdsFor(
  condition: Exclude<Condition, { test: 'null' }>,
  comparers: readonly Comparer[],
): (cells: Cells, index: number) => boolean {
  const [first, second] = comparers as readonly [Comparer, Comparer | undefined];
  switch (condition.test) {
    case '=':
      return (cells, index) => first(cells, index) === 0;
    case '!=':
      return (cells, index) => first(cells, index) !== 0;
    case '<':
      return (cells, index) => first(cells, index) < 0;
    case '<=':
      return (cells, index) => first(cells, index) <= 0;
    case '>':
      return (cells, index) => first(cells, index) > 0;
    case '>=':
      return (cells, index) => first(cells, index) >= 0;
    case 'in':
      return (cells, index) => comparers.some((compare) => compare(cells, index) === 0);
    case 'between':
      return (cells, index) => (first(cells, index) >= 0 && (second as Comparer)(cells, index) <= 0) !== condition.negated;
  }
}
