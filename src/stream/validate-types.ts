/** Decoder overrides among the options. Pure. Layer 3. */
import { Fields } from '../internal/fields.js';
import { shown, type Problems } from '../internal/problems.js';
import { suggest } from '../internal/suggest.js';
import type { Kind } from '../schema/mysql-type.js';
import type { DecodeOptions, TypeName } from '../schema/options.js';
import { refusedOverride } from '../schema/override-check.js';
import { TYPE_TABLE } from '../schema/type-table.js';

const TYPE_NAMES: readonly TypeName[] = [
  'tinyint',
  'smallint',
  'mediumint',
  'int',
  'bigint',
  'bit',
  'boolean',
  'float',
  'double',
  'decimal',
  'year',
  'char',
  'varchar',
  'text',
  'enum',
  'set',
  'binary',
  'varbinary',
  'blob',
  'json',
  'geometry',
  'vector',
  'date',
  'datetime',
  'timestamp',
  'time',
];

const kindOf = (name: string): Kind | undefined => TYPE_TABLE.find((row) => row.names.includes(name))?.kind;

export function readTypes(problems: Problems, fields: Fields): NonNullable<DecodeOptions['types']> {
  const given = fields.raw('types');
  if (given === undefined) return {};
  const types = Fields.of(problems, 'types', given, { known: TYPE_NAMES });
  if (!types) return {};
  for (const [name, override] of Object.entries(given as object)) checkOverride(types, name, override, kindOf(name));
  return given as NonNullable<DecodeOptions['types']>;
}

/** An override is a function, or the name of a decoder: of the kind of column where that is known, else of any. */
export function checkOverride(fields: Fields, name: string, override: unknown, kind?: Kind): void {
  if (typeof override === 'function') return;
  if (typeof override !== 'string' || override === '') {
    fields.fail(name, `must be the name of a decoder or a function, not ${shown(override)}`, 'See docs/types.md for the names.');
    return;
  }
  // A type this version does not know is decided when its FIELD arrives.
  const fitting = refusedOverride(override, kind === 'unknown' ? undefined : kind);
  if (!fitting) return;
  const near = suggest(override, fitting);
  const next = near === undefined ? `Use one of ${fitting.join(', ')}, or a function.` : `Did you mean '${near}'?`;
  fields.fail(name, `cannot be ${shown(override)}`, next);
}
