/** The `tables` of a stream: names, patterns or definitions become a selection. Pure. Layer 3. */
import { Fields, isObject } from '../internal/fields.js';
import { shown, type Problems } from '../internal/problems.js';
import { TYPED, type TableDefinition, type TableOptions } from '../schema/define.js';
import { sqlType } from '../schema/mysql-type.js';
import { WHERE_NEXT, whereColumns, whereProblem } from '../schema/where.js';
import { parseTableName, type Selection, type SelectionEntry } from './selection.js';
import { checkOverride } from './validate-types.js';
import type { ValidatedSource } from './validated.js';

const TABLE_OPTIONS = ['columns', 'where', 'types', 'copy', 'onDdl'] as const;

/** Reads `tables`; notes problems. Default: every table of the keyspace. */
export function validateTables(problems: Problems, options: Fields, source: ValidatedSource): Selection {
  const value = options.raw('tables');
  const everything = value === undefined;
  const written = everything ? [['*', true] as const] : listed(options, value);
  const keyspaceNamed = sourceField(options, 'keyspace') !== undefined;
  const selection: SelectionEntry[] = [];
  let keyspaceMissed = false;
  for (const [name, definition] of written) {
    const parsed = parseTableName(name);
    if (!parsed) {
      options.fail(
        'tables',
        `holds ${shown(name)}`,
        'Write `orders`, `billing.orders` or a pattern such as `orders_*`, which also takes names with spaces, dots or quotes.',
      );
      continue;
    }
    const keyspace = parsed.keyspace ?? source.keyspace;
    const read = readDefinition(problems, options, name, definition);
    if (keyspace === undefined) keyspaceMissed ||= !keyspaceNamed;
    else selection.push({ keyspace, name: parsed.name, pattern: parsed.pattern, written: name, definition: read });
  }
  if (keyspaceMissed) {
    const next = everything ? 'Name the keyspace to stream.' : 'Name the keyspace, or write each table as `keyspace.table`.';
    problems.add('source.keyspace', 'is missing', next);
  }
  noteDoubles(options, selection);
  noteShards(problems, source, selection);
  return selection;
}

const sourceField = (options: Fields, name: string): unknown => {
  const source = options.raw('source');
  return isObject(source) ? source[name] : undefined;
};

function listed(options: Fields, value: unknown): readonly (readonly [string, unknown])[] {
  if (isObject(value)) {
    const entries = Object.entries(value);
    if (entries.length === 0) options.fail('tables', 'names no table', 'Name tables, or leave it out for every table of the keyspace.');
    return entries;
  }
  if (typeof value === 'string') {
    options.fail('tables', `must be a list, not ${shown(value)}`, `Write [${JSON.stringify(value)}].`);
    return [];
  }
  return (options.names('tables', "['orders', 'customers']") ?? []).map((name) => [name, true] as const);
}

function readDefinition(problems: Problems, options: Fields, name: string, value: unknown): TableOptions {
  if (value === true) return {};
  const path = `${options.at('tables')}.${name}`;
  if (!isObject(value)) {
    problems.add(path, `must be true or a table definition, not ${shown(value)}`, 'Write `true` or `table({ … })`.');
    return {};
  }
  const fields = Fields.of(problems, path, value, { known: TABLE_OPTIONS });
  if (!fields) return {};
  fields.names('columns', "['id', 'total']");
  checkFilter(fields);
  fields.flag('copy', true);
  fields.oneOf('onDdl', ['evolve', 'ignore', 'pause', 'fail']);
  checkColumnTypes(problems, fields, value);
  return value;
}

function checkFilter(table: Fields): void {
  const where = table.text('where', 'Write for example "status = \'paid\'", or leave it out.');
  if (where === undefined) return;
  const reason = whereProblem(where);
  const selected = table.raw('columns');
  if (reason !== undefined) table.fail('where', `cannot be used: ${reason}`, WHERE_NEXT);
  if (reason !== undefined || !Array.isArray(selected)) return;
  const names = new Set(selected.map((name) => String(name).toLowerCase()));
  const missing = whereColumns(where).find((column) => !names.has(column.toLowerCase()));
  if (missing !== undefined)
    table.fail('where', `needs the column ${shown(missing)}, which is not among \`columns\``, 'Add it to `columns`.');
}

function checkColumnTypes(problems: Problems, table: Fields, definition: object): void {
  const value = table.raw('types');
  if (value === undefined) return;
  const columns = isObject(value) ? Object.keys(value) : [];
  const fields = Fields.of(problems, table.at('types'), value, { known: columns });
  if (!fields) return;
  const selected = table.raw('columns');
  const typed = (definition as TableDefinition<unknown>)[TYPED];
  for (const column of columns) {
    const declared = typed?.columns?.find(({ name }) => name === column);
    checkOverride(fields, column, fields.raw(column), declared && sqlType(declared.type).kind);
    if (Array.isArray(selected) && !selected.includes(column)) {
      fields.fail(column, 'is not among `columns`', 'Add it to `columns`, or remove its override.');
    }
  }
}

function noteDoubles(options: Fields, selection: Selection): void {
  const seen = new Map<string, string>();
  for (const { keyspace, name, written } of selection) {
    const before = seen.get(`${keyspace}.${name}`);
    if (before !== undefined)
      options.fail('tables', `names one table twice: ${shown(before)} and ${shown(written)}`, 'Remove one of them.');
    seen.set(`${keyspace}.${name}`, written);
  }
}

function noteShards(problems: Problems, source: ValidatedSource, selection: Selection): void {
  if (!source.shards) return;
  const other = selection.find((entry) => entry.keyspace !== source.keyspace);
  if (other)
    problems.add(
      'source.shards',
      `cannot go with tables of \`${other.keyspace}\``,
      'Use one stream per keyspace, or leave the shards out.',
    );
}
