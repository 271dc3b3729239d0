import { expect, test } from 'vitest';
import { tableFingerprint } from './fingerprint.js';

const keys = [{ table: 't', column: 'id' }] as unknown as Parameters<typeof tableFingerprint>[0];
const columns = (type = 'bigint', collation?: string, more: readonly string[] = []) =>
  [{ name: 'id', type, collation }, ...more.map((name) => ({ name, type: 'int' }))] as unknown as Parameters<typeof tableFingerprint>[1];
const base = tableFingerprint(keys, columns(), {});

test('a copy depends on the key, its type and collation, the filter and the column list', () => {
  const others = [
    tableFingerprint([], columns(), {}),
    tableFingerprint(keys, columns('int'), {}),
    tableFingerprint(keys, columns('varchar(5)', 'utf8mb4_bin'), {}),
    tableFingerprint(keys, columns('varchar(5)', 'utf8mb4_general_ci'), {}),
    tableFingerprint(keys, columns(), { where: 'id > 5' }),
    tableFingerprint(keys, columns(), { columns: ['id'] }),
    tableFingerprint(keys, columns(), { columns: ['id', 'a'] }),
  ];
  expect(new Set([base, ...others]).size).toBe(others.length + 1);
});

test('it does not depend on other columns, nor on anything that is not about rows', () => {
  expect(tableFingerprint(keys, columns('bigint', undefined, ['a', 'b']), {})).toBe(base);
  expect(tableFingerprint(keys, columns(), { copy: false, onDdl: 'fail' })).toBe(base);
});
