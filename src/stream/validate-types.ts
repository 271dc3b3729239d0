/** Decoder overrides among the options. Pure. Layer 3. */
import { Fields } from '../internal/fields.js';
import { shown, type Problems } from '../internal/problems.js';
import type { DecodeOptions, TypeName } from '../schema/options.js';

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

export function readTypes(problems: Problems, fields: Fields): NonNullable<DecodeOptions['types']> {
  const given = fields.raw('types');
  if (given === undefined) return {};
  const types = Fields.of(problems, 'types', given, { known: TYPE_NAMES });
  if (!types) return {};
  for (const [name, override] of Object.entries(given as object)) checkOverride(types, name, override);
  return given as NonNullable<DecodeOptions['types']>;
}

/** An override is the name of a decoder or a function; the names themselves are checked where decoders are compiled. */
export function checkOverride(fields: Fields, name: string, override: unknown): void {
  if (typeof override === 'function' || (typeof override === 'string' && override !== '')) return;
  fields.fail(name, `must be the name of a decoder or a function, not ${shown(override)}`, 'See docs/types.md for the names.');
}
