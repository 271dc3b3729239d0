/** Declared columns against the live ones. Layer 2. */
import { VStreamError } from '../errors.js';
import { type DeclaredColumn, TYPED, type TableDefinition } from './define.js';
import { parseLabels } from './labels.js';
import { baseType } from './mysql-type.js';
import type { Column, TableVersion } from './table.js';

/** One difference, of one column. */
export interface Mismatch {
  readonly column: string;
  readonly kind: 'missing' | 'type' | 'nullable' | 'undeclared';
  /** A clause: `is declared bigint but is int`. */
  readonly message: string;
  /** `undeclared` columns never fail: rows only have more than their type says. */
  readonly fails: boolean;
}

/** Differences between what a definition declares and the live columns, by column; empty for definitions without columns. */
export function checkDeclared(version: TableVersion, definition: TableDefinition<unknown>): readonly Mismatch[] {
  const typed = definition[TYPED];
  if (!typed?.columns) return [];
  const wanted = definition.columns ? typed.columns.filter(({ name }) => definition.columns?.includes(name)) : typed.columns;
  const mismatches = wanted.flatMap((declared): Mismatch[] => {
    const live = version.columns.find(({ name }) => name === declared.name);
    if (!live) return [{ column: declared.name, kind: 'missing', message: 'is declared but not there', fails: true }];
    return [...typeMismatch(declared, live), ...nullMismatch(declared, live)];
  });
  const extra = version.columns.filter(({ name }) => !typed.columns?.some((declared) => declared.name === name));
  return [
    ...mismatches,
    ...extra.map(({ name }): Mismatch => ({ column: name, kind: 'undeclared', message: 'is there but not declared', fails: false })),
  ];
}

/** The error for differences that fail under `onMismatch: 'fail'`; undefined when there are none. */
export function mismatchError(
  version: TableVersion,
  definition: TableDefinition<unknown>,
  mismatches: readonly Mismatch[],
): VStreamError | undefined {
  const failing = mismatches.filter(({ fails }) => fails);
  const [first] = failing;
  if (!first || definition[TYPED]?.onMismatch !== 'fail') return undefined;
  const { keyspace, table } = version;
  return new VStreamError(
    'SCHEMA_MISMATCH',
    `${keyspace}.${table} is not as declared: ${failing.map(({ column, message }) => `${column} ${message}`).join('; ')}`,
    {
      keyspace,
      table,
      column: first.column,
      next: "Run `vstream types` again or change the declaration, or set onMismatch to 'warn'.",
    },
  );
}

/** Only what changes the TypeScript type or the decoder counts: not lengths, widths or signs. */
function typeMismatch(declared: DeclaredColumn, live: Column): Mismatch[] {
  if (live.columnType === '') return [];
  const base = canonicalBase(declared.type);
  const liveBase = canonicalBase(live.columnType);
  const message = `is declared ${declared.type} but is ${live.columnType}`;
  if (base !== liveBase) return [{ column: declared.name, kind: 'type', message, fails: true }];
  if (base !== 'enum' && base !== 'set') return [];
  const labels = parseLabels(declared.type);
  const missing = parseLabels(live.columnType).filter((label) => !labels.includes(label));
  return missing.length === 0
    ? []
    : [{ column: declared.name, kind: 'type', message: `lacks the label ${missing.map((label) => `'${label}'`).join(', ')}`, fails: true }];
}

/** Spellings of SQL that MySQL stores as another type. */
const STORED_AS: Readonly<Record<string, string>> = {
  integer: 'int',
  bool: 'tinyint',
  boolean: 'tinyint',
  serial: 'bigint',
  real: 'double',
  numeric: 'decimal',
  dec: 'decimal',
  fixed: 'decimal',
  geometrycollection: 'geomcollection',
};

function canonicalBase(type: string): string {
  const base = baseType(type);
  return Object.hasOwn(STORED_AS, base) ? (STORED_AS[base] ?? base) : base;
}

function nullMismatch(declared: DeclaredColumn, live: Column): Mismatch[] {
  if (declared.nullable || !live.nullable) return [];
  return [{ column: declared.name, kind: 'nullable', message: 'is declared NOT NULL but can be NULL', fails: true }];
}
