/** What a table's copy depends on, as a short text: when it differs, the copy starts again. Pure. Layer 3. */
import { createHash } from 'node:crypto';
import type { TableOptions } from '../schema/define.js';
import type { ColumnInfo, KeyColumn } from '../sql/tables.js';

/** Key columns with types and collations, rule and column list. Other columns may change without a new copy. */
export function tableFingerprint(
  keys: readonly KeyColumn[],
  columns: readonly ColumnInfo[],
  { columns: list, where }: TableOptions,
): string {
  const key = keys.map(({ column }) => {
    const info = columns.find((one) => one.name === column);
    return [column, info?.type, info?.collation];
  });
  return createHash('sha256')
    .update(JSON.stringify([key, list ?? null, where ?? null]))
    .digest('base64url')
    .slice(0, 10);
}
