/**
 * Changes as JSON lines; shared by the JSONL sink and `vstream tail`. Pure. Layer 5.
 *
 * Every line is an object with `op`: `copy`, `insert`, `update`, `delete` with `keyspace`, `shard`, `table`, `before`, `after`;
 * `schema` with the columns, before the first row of a table and version; `truncate` and `ddl` for statements. Integers of 64
 * bits and decimals are strings, bytes base64, vectors lists of numbers, an absent column is an absent key. `position`, on the
 * last line of a batch, is the place to go on from once that line is safe.
 */
import { toJson } from '../../internal/json.js';
import type { Position } from '../../position/position.js';
import type { Batch, Change, SchemaChange } from '../../stream/change.js';

/** One change as one line, without the line break. */
export function formatChange(change: Change, position?: Position): string {
  let line = `{"op":"${change.op}",${place(change)}`;
  if (change.before !== undefined) line += `,"before":${formatRow(change.before)}`;
  if (change.after !== undefined) line += `,"after":${formatRow(change.after)}`;
  if (position !== undefined) line += `,"position":${position.toString()}`;
  return `${line}}`;
}

/** A schema change as one line. The statement is left out: it may hold comments and secrets (G132). */
export function formatSchema(change: SchemaChange, position?: Position): string {
  const op = change.kind === 'columns' ? 'schema' : change.kind === 'truncate' ? 'truncate' : 'ddl';
  let line = `{"op":"${op}",${place(change)}`;
  if (change.to) {
    const columns = change.to.columns.map((column) => ({ name: column.name, type: column.columnType, nullable: column.nullable }));
    line += `,"version":${change.to.version},"key":${JSON.stringify(change.to.key)},"columns":${JSON.stringify(columns)}`;
  }
  if (position !== undefined) line += `,"position":${position.toString()}`;
  return `${line}}`;
}

/** A batch as lines, each with its line break; '' when it has nothing to show. The position is on the last line. */
export function formatBatch(batch: Batch): string {
  if (batch.schema) return `${formatSchema(batch.schema, batch.position)}\n`;
  let lines = '';
  const last = batch.changes.length - 1;
  for (const [index, change] of batch.changes.entries()) lines += `${formatChange(change, index === last ? batch.position : undefined)}\n`;
  return lines;
}

function place(at: { readonly keyspace: string; readonly shard: string; readonly table: string }): string {
  return `"keyspace":${JSON.stringify(at.keyspace)},"shard":${JSON.stringify(at.shard)},"table":${JSON.stringify(at.table)}`;
}

/** Written by hand: a replacer function for every value of `JSON.stringify` costs several times the row. */
function formatRow(row: Readonly<Record<string, unknown>>): string {
  let text = '{';
  for (const name in row) {
    const value = formatValue(row[name]);
    if (value === undefined) continue;
    text += `${text.length > 1 ? ',' : ''}${JSON.stringify(name)}:${value}`;
  }
  return `${text}}`;
}

function formatValue(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      // JSON has no -0 and no infinities; MySQL has no infinities either.
      return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? String(value) : 'null';
    case 'bigint':
      return `"${value}"`;
    case 'boolean':
      return String(value);
    case 'undefined':
      return undefined;
    default:
      return value === null ? 'null' : toJson(value);
  }
}
