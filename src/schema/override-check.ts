/** Whether a named override can apply to a kind of column, known before any FIELD event. Layer 2. */
import { CHARSET_NAMES } from './collations.js';
import type { Kind } from './mysql-type.js';
import { TYPE_TABLE, typeRow, type TypeRow } from './type-table.js';

const CHARSET = 'charset:';

/**
 * The names that would fit when `override` does not, else undefined. Without a `kind` anything that fits some column passes:
 * what the column really is shows when its FIELD arrives.
 */
export function refusedOverride(override: string, kind?: Kind): readonly string[] | undefined {
  const names = kind === undefined ? [...new Set(TYPE_TABLE.flatMap(namesOf))] : namesOf(typeRow(kind));
  if (!override.startsWith(CHARSET)) return names.includes(override) ? undefined : names;
  const charset = override.slice(CHARSET.length).toLowerCase();
  const known = CHARSET_NAMES.includes(charset === 'utf8' ? 'utf8mb3' : charset) && charset !== 'binary';
  if (!names.includes(`${CHARSET}NAME`)) return names;
  return known ? undefined : CHARSET_NAMES.filter((name) => name !== 'binary').map((name) => `${CHARSET}${name}`);
}

function namesOf(row: TypeRow | undefined): readonly string[] {
  return row ? [row.default, ...row.overrides.map(({ name }) => name)] : ['bytes'];
}
