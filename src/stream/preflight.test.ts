import { expect, test } from 'vitest';
import { expiryWarning, keylessCopyWarning } from './preflight.js';

const HOUR = 3_600_000;

test('a lag of half the life of the binary logs is warned of, a smaller one is not', () => {
  expect(expiryWarning(35 * HOUR, 72 * 3600)).toBeUndefined();
  expect(expiryWarning(36 * HOUR, 72 * 3600)).toBe('behind by 36.0 h, and binary logs are purged after 72.0 h: the position will be lost');
});

test('logs that are never purged by age, or of unknown age, warn of nothing', () => {
  expect(expiryWarning(1_000 * HOUR, undefined)).toBeUndefined();
});

test('a table without a key and with long columns is warned of before its copy stalls in silence', () => {
  const table = { keyspace: 'k', table: 'log' };
  expect(keylessCopyWarning(table, ['int', 'longtext'])).toMatch(/k\.log has no primary key .* 1038/);
  expect(keylessCopyWarning(table, ['int', 'varchar(40)'])).toBeUndefined();
});
