/** The text `vstream types` writes: one interface and one `table()` per table, and all of these in one record. Pure. Layer 2. */
import { VStreamError } from '../errors.js';
import { parseLabels } from './labels.js';
import { sqlType } from './mysql-type.js';
import type { Override, TypeName } from './options.js';
import { refusedOverride } from './override-check.js';
import { typeRow } from './type-table.js';

/** A column as information_schema describes it. */
export interface LiveColumn {
  /** Default: the keyspace of the whole file. */
  readonly keyspace?: string | undefined;
  readonly table: string;
  readonly name: string;
  /** `column_type`. */
  readonly type: string;
  readonly nullable: boolean;
  /** MySQL name of the character set; null where there is none. */
  readonly charset: string | null;
  readonly comment: string;
}

export interface GenerateOptions {
  readonly keyspace: string;
  /** In order of table and position. */
  readonly columns: readonly LiveColumn[];
  /** Overrides of the stream, by type. */
  readonly types?: Readonly<Partial<Record<TypeName, Override>>> | undefined;
  /** Overrides by table (of several keyspaces: `keyspace.table`) and column. */
  readonly tables?: Readonly<Record<string, Readonly<Record<string, Override>>>> | undefined;
  /** What the file imports from. Default `vstream-client`. */
  readonly module?: string | undefined;
}

/** The tablet cannot name these in FIELD events (B7): the override travels with the table. */
const UNNAMED_CHARSETS: ReadonlySet<string> = new Set(['gbk', 'gb18030', 'big5', 'tis620']);

/**
 * Deterministic: equal input gives equal text, so that `--check` is a comparison. Identifiers are those of the tables, with the
 * keyspace in front where there are several.
 * @throws VStreamError `CONFIG_INVALID` for an override that does not fit its column.
 */
export function generateTypes(options: GenerateOptions): string {
  const tables = new Map<string, LiveColumn[]>();
  for (const column of options.columns) {
    const name = `${column.keyspace ?? options.keyspace}.${column.table}`;
    const columns = tables.get(name);
    if (columns) columns.push(column);
    else tables.set(name, [column]);
  }
  const several = new Set(options.columns.map(({ keyspace = options.keyspace }) => keyspace)).size > 1;
  const names = new Names();
  const entries: string[] = [];
  const blocks = [...tables].map(([full, columns]) => {
    const { table = '', keyspace = options.keyspace } = columns[0] ?? {};
    const described = columns.map((column) => describe(column, full, options));
    const name = several ? `${keyspace}_${table}` : table;
    const identifiers = { type: names.type(name), constant: names.constant(name) };
    // In a key of `tables` a dot divides keyspace and table, and an asterisk is a pattern.
    if (!/[.*]/.test(table)) entries.push(entry(several ? full : table, identifiers.constant));
    return tableBlock(full, identifiers, described);
  });
  if (entries.length > 0)
    blocks.push(
      ['/** Every table of this file, for `tables`. */', `export const ${names.constant('tables')} = {`, ...entries, '};', ''].join('\n'),
    );
  const text = blocks.join('\n');
  const imports = [
    /\bJsonValue\b/.test(text) ? 'type JsonValue' : '',
    'table',
    /\bTableDefinition</.test(text) ? 'type TableDefinition' : '',
  ].filter((one) => one !== '');
  const head = [`// Written by \`vstream types\` from the keyspace ${oneLine(options.keyspace)}. Do not edit: run it again.`];
  if (tables.size > 0) head.push(`import { ${imports.join(', ')} } from ${quote(options.module ?? 'vstream-client')};`);
  return `${head.join('\n')}\n${text === '' ? '' : `\n${text}`}`;
}

interface Described {
  readonly column: LiveColumn;
  /** TypeScript type of the value, without null. */
  readonly type: string;
  /** Name to write into `types`; undefined where the default applies. */
  readonly override: string | undefined;
  /** A function decides: its type is not known here. */
  readonly opaque: boolean;
}

function describe(column: LiveColumn, full: string, options: GenerateOptions): Described {
  const live = sqlType(column.type);
  const row = typeRow(live.kind);
  const tables = options.tables ?? {};
  const own = Object.hasOwn(tables, full) ? tables[full] : Object.hasOwn(tables, column.table) ? tables[column.table] : undefined;
  const chosen =
    (own && Object.hasOwn(own, column.name) ? own[column.name] : undefined) ??
    (live.booleanLike ? options.types?.boolean : undefined) ??
    (live.name === undefined ? undefined : options.types?.[live.name]);
  const override = chosen ?? (UNNAMED_CHARSETS.has(column.charset ?? '') ? `charset:${column.charset}` : undefined);
  const fitting = typeof override === 'string' ? refusedOverride(override, live.kind) : undefined;
  if (fitting) {
    throw new VStreamError('CONFIG_INVALID', `'${String(override)}' is no way to read ${full}.${column.name} (${column.type})`, {
      table: column.table,
      column: column.name,
      next: `Use one of ${fitting.join(', ')}, or a function.`,
    });
  }
  const labels = live.kind === 'enum' ? parseLabels(column.type).map(quote).join(' | ') : '';
  // The type-level reader of labels does not undo escapes.
  const plain = live.kind === 'enum' ? (labels === '' || column.type.includes('\\') ? 'string' : labels) : (row?.type ?? 'unknown');
  if (typeof override === 'function') return { column, type: 'unknown', override: undefined, opaque: true };
  if (override === undefined || override === row?.default) return { column, type: plain, override: undefined, opaque: false };
  if (override === 'string' && live.kind === 'enum') return { column, type: plain, override, opaque: false };
  const named = row?.overrides.find(({ name }) => name === override || (name === 'charset:NAME' && override.startsWith('charset:')));
  const type = override.startsWith('charset:') && live.kind === 'enum' ? plain : named?.type;
  return { column, type: type ?? 'unknown', override, opaque: type === undefined };
}

function tableBlock(
  full: string,
  { type, constant }: { readonly type: string; readonly constant: string },
  columns: readonly Described[],
): string {
  const opaque = columns.some((column) => column.opaque);
  const overrides = columns.filter(({ override }) => override !== undefined);
  const lines = [`/** A row of \`${oneLine(full)}\`. */`, `export interface ${type} {`];
  for (const { column, type: value } of columns) {
    if (column.comment !== '') lines.push(`  /** ${oneLine(column.comment)} */`);
    lines.push(`  ${property(column.name)}: ${value}${column.nullable && value !== 'unknown' ? ' | null' : ''};`);
  }
  lines.push(
    '}',
    '',
    opaque ? `export const ${constant}: TableDefinition<${type}> = table({` : `export const ${constant} = table({`,
    '  declared: {',
  );
  for (const { column } of columns)
    lines.push(`    ${property(column.name)}: ${quote(`${column.type}${column.nullable ? ' null' : ''}`)},`);
  lines.push('  },');
  if (overrides.length > 0) {
    lines.push('  types: {', ...overrides.map(({ column, override }) => `    ${property(column.name)}: ${quote(override ?? '')},`), '  },');
  }
  // Columns a function decodes have no type here, so the interface speaks for them.
  lines.push(opaque ? `}) as TableDefinition<${type}>;` : '});', '');
  return lines.join('\n');
}

const RESERVED = new Set(
  (
    'table type string number boolean bigint symbol object any never unknown void null undefined true false break case catch class const continue debugger default delete do else enum export extends ' +
    'arguments eval globalThis require exports finally for function if implements import in instanceof interface let new package private protected public return static super switch this throw try typeof var while with yield await async'
  ).split(' '),
);

/** Identifiers of one file: `order_items` gives `OrderItems` and `orderItems`; collisions are numbered. */
class Names {
  readonly #taken = new Set(['JsonValue', 'TableDefinition', 'table', 'Record', 'Uint8Array', 'Float32Array', 'Date']);

  type(table: string): string {
    return this.#unique(words(table).map(capital).join('') || 'Table');
  }

  constant(table: string): string {
    return this.#unique(
      words(table)
        .map((word, index) => (index === 0 ? word.charAt(0).toLowerCase() + word.slice(1) : capital(word)))
        .join('') || 'rows',
    );
  }

  #unique(wanted: string): string {
    const base = /^\d/.test(wanted) ? `_${wanted}` : wanted;
    let name = RESERVED.has(base) ? `${base}_` : base;
    for (let count = 2; this.#taken.has(name); count++) name = `${base}${count}`;
    this.#taken.add(name);
    return name;
  }
}

function words(name: string): readonly string[] {
  return name.split(/[^\p{ID_Continue}$]+|_+/u).filter((word) => word !== '');
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function property(name: string): string {
  // `__proto__` in a literal would set the prototype.
  if (name === '__proto__') return "['__proto__']";
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name);
}

function entry(name: string, value: string): string {
  return name === value ? `  ${name},` : `  ${property(name)}: ${value},`;
}

function quote(text: string): string {
  return text.includes("'") ? JSON.stringify(text) : `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')}'`;
}

/** Comments come from the database and must not end ours. */
function oneLine(text: string): string {
  return text
    .replace(/[\s\u2028\u2029]+/g, ' ')
    .replaceAll('*/', '*\\/')
    .trim();
}
