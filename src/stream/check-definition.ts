/** What a user wrote about a table against its live columns, before the first RPC: the server would stay silent. Pure. Layer 3. */
import { VStreamError } from '../errors.js';
import { suggest } from '../internal/suggest.js';
import type { TableOptions } from '../schema/define.js';
import { sqlType } from '../schema/mysql-type.js';
import { refusedOverride } from '../schema/override-check.js';
import type { TableRef } from '../schema/table.js';
import { compileWhere, whereColumns } from '../schema/where.js';
import type { ColumnInfo, KeyColumn } from '../sql/tables.js';
import { liveColumn } from './live-column.js';

/**
 * @throws VStreamError `COLUMN_NOT_FOUND` for a name in `columns` or `where`, `FILTER_REFUSED` for a comparison the client cannot do,
 *   `CONFIG_INVALID` for a list without the key and for an override that does not fit its column
 */
export function checkDefinition(ref: TableRef, definition: TableOptions, live: readonly ColumnInfo[], keys: readonly KeyColumn[]): void {
  const names = live.map((one) => one.name);
  const wanted = definition.columns;
  for (const column of wanted ?? []) if (!names.includes(column)) throw missingColumn(ref, column, 'has no column', names);
  checkKeys(ref, wanted, keys);
  if (definition.where !== undefined) checkFilter(ref, definition.where, wanted ?? names, live);
  checkOverrides(ref, definition, live);
}

function checkFilter(ref: TableRef, where: string, streamed: readonly string[], live: readonly ColumnInfo[]): void {
  for (const column of whereColumns(where)) {
    if (streamed.some((name) => name.toLowerCase() === column.toLowerCase())) continue;
    const known = live.some(({ name }) => name === column);
    throw missingColumn(ref, column, known ? 'streams no column' : 'has no column', streamed, '`where`');
  }
  compileWhere(where, { ...ref, columns: live.map(liveColumn) });
}

function checkKeys(ref: TableRef, wanted: readonly string[] | undefined, keys: readonly KeyColumn[]): void {
  const missing = wanted && keys.find((key) => !wanted.includes(key.column));
  if (!missing) return;
  const { keyspace, table } = ref;
  throw new VStreamError(
    'CONFIG_INVALID',
    `\`columns\` of ${keyspace}.${table} leaves out its key column ${JSON.stringify(missing.column)}`,
    {
      keyspace,
      table,
      column: missing.column,
      next: 'Add the key columns: without them a change cannot be told from another (G78).',
    },
  );
}

function checkOverrides({ keyspace, table }: TableRef, definition: TableOptions, live: readonly ColumnInfo[]): void {
  for (const { name, type } of live) {
    const override = definition.types && Object.hasOwn(definition.types, name) ? definition.types[name] : undefined;
    // An unknown kind may be a type this version does not know, and is decided by FIELD.
    const { kind } = sqlType(type);
    const fitting = typeof override === 'string' && kind !== 'unknown' ? refusedOverride(override, kind) : undefined;
    if (!fitting) continue;
    throw new VStreamError('CONFIG_INVALID', `'${String(override)}' is no way to read ${keyspace}.${table}.${name} (${type})`, {
      keyspace,
      table,
      column: name,
      next: `Use one of ${fitting.join(', ')}, or a function.`,
    });
  }
}

function missingColumn(
  { keyspace, table }: TableRef,
  column: string,
  what: string,
  names: readonly string[],
  option?: string,
): VStreamError {
  const near = suggest(column, names);
  const where = option === undefined ? '' : `, which its ${option} names`;
  return new VStreamError('COLUMN_NOT_FOUND', `${keyspace}.${table} ${what} ${JSON.stringify(column)}${where}`, {
    keyspace,
    table,
    column,
    next: near ? `Did you mean ${JSON.stringify(near)}?` : `Its columns are ${names.join(', ')}.`,
  });
}
