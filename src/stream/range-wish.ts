/** A range somebody wants copied again, checked against the table's key, with the key its copy starts behind. Layer 3. */
import { type ErrorCode, VStreamError } from '../errors.js';
import { suggest } from '../internal/suggest.js';
import type { RangeKind, RangeWish } from '../position/range-copy.js';
import { isOn } from '../schema/key-range.js';
import { sqlType } from '../schema/mysql-type.js';
import type { Column, TableRef } from '../schema/table.js';
import { comparerFor, ComparisonRefused, rangeKindOf } from '../schema/where-compare.js';
import { checkWhere } from '../schema/where.js';
import { type Condition, parseConditions } from '../schema/where-parse.js';
import { type Executor, runStatement } from '../sql/statement.js';
import { type ColumnInfo, selectColumns, selectPrimaryKeys } from '../sql/tables.js';
import { liveColumn } from './live-column.js';
import { keyBefore } from './range-start.js';
import { startMessage } from './start-key.js';

/**
 * @throws VStreamError `FILTER_REFUSED` with the reason, `COLUMN_NOT_FOUND` for a column the table does not have,
 *   `CONFIG_INVALID` for a table without a primary key
 */
export async function rangeWish(executor: Executor, ref: TableRef, where: string, signal: AbortSignal | undefined): Promise<RangeWish> {
  checkWhere(where, ref);
  const columns = await runStatement(executor, selectColumns(ref.keyspace), { signal });
  const keys = await runStatement(executor, selectPrimaryKeys(ref.keyspace), { signal });
  const own = columns.filter((one) => one.table === ref.table);
  const names = keys.filter((one) => one.table === ref.table).map((one) => one.column);
  return checkRange(
    ref,
    where,
    names.flatMap((name) => own.find((one) => one.name === name) ?? []),
    own.map((one) => one.name),
  );
}

/** `key`: the columns of the primary key in its own order; `names`: all columns. Pure. */
export function checkRange(ref: TableRef, where: string, key: readonly ColumnInfo[], names: readonly string[]): RangeWish {
  const [first] = key;
  if (!first) {
    throw refused(ref, 'CONFIG_INVALID', `${ref.keyspace}.${ref.table} has no primary key, so no range of it can be copied again`, {
      next: 'Copy the whole table: leave out the range.',
    });
  }
  const conditions = parseConditions(where);
  const columns = key.map(liveColumn);
  const kinds: Record<string, RangeKind> = {};
  for (const condition of conditions) kinds[condition.column] = kindOf(ref, condition, columns, names);
  const start = keyBefore(
    must(columns[0]),
    conditions.filter((one) => isOn(one, first.name)),
  );
  if ('refused' in start) throw refusal(ref, start.refused, first.name);
  return { where, start: startMessage(ref.table, columns, start), first: first.name, kinds };
}

const must = (column: Column | undefined): Column => column as Column;

function kindOf(ref: TableRef, condition: Condition, key: readonly Column[], names: readonly string[]): RangeKind {
  const column = key.find((one) => isOn(condition, one.name));
  if (!column) throw notOfTheKey(ref, condition.column, key, names);
  if (condition.test === 'null') throw refusal(ref, `${column.name} is part of the primary key, which is never NULL`, column.name);
  const kind = rangeKindOf(column);
  try {
    for (const literal of condition.literals) {
      comparerFor(column, literal);
      if (literal.kind === 'hex' && kind !== 'binary') throw new ComparisonRefused(`${column.name} is text: write its value as text`);
    }
  } catch (error) {
    if (!(error instanceof ComparisonRefused)) throw error;
    throw refusal(ref, error.message, column.name);
  }
  // MySQL compares a YEAR with the numbers below 100 as if they were of this or the last century.
  if (sqlType(column.columnType).kind === 'year')
    throw refusal(ref, `${column.name} is YEAR, which the client does not compare`, column.name);
  return kind;
}

function notOfTheKey(ref: TableRef, column: string, key: readonly Column[], names: readonly string[]): VStreamError {
  const list = key.map((one) => one.name).join(', ');
  if (!names.some((name) => name.toLowerCase() === column.toLowerCase())) {
    const near = suggest(column, names);
    return refused(ref, 'COLUMN_NOT_FOUND', `${ref.keyspace}.${ref.table} has no column ${JSON.stringify(column)}`, {
      column,
      next: near ? `Did you mean ${JSON.stringify(near)}?` : `Its key columns are ${list}.`,
    });
  }
  return refusal(
    ref,
    `${column} is not part of the primary key (${list}). Other columns may hold other values at the sink than at the source, ` +
      'and then rows would be removed that are still there',
    column,
  );
}

function refusal(ref: TableRef, reason: string, column: string): VStreamError {
  return refused(ref, 'FILTER_REFUSED', `this range of ${ref.keyspace}.${ref.table} cannot be copied again: ${reason}`, {
    column,
    next: 'Write AND of key column, operator and literal, or copy the whole table.',
  });
}

function refused(
  { keyspace, table }: TableRef,
  code: ErrorCode,
  message: string,
  more: { readonly column?: string; readonly next: string },
): VStreamError {
  return new VStreamError(code, message, { keyspace, table, ...more });
}
