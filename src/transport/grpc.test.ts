import { expect, test } from 'vitest';
import { transportCases } from '../../test/support/transport-cases.js';
import { silentLogger } from '../observe/logger.js';
import { createTransport } from './grpc.js';

transportCases(createTransport);

test('credentials in plain text to another machine are warned of once; on loopback they are not', () => {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: unknown, message: string) => warnings.push(message) };
  const auth = { username: 'u', password: 'p' };
  createTransport({ vtgate: ['localhost:1', '127.0.0.1:1', '[::1]:1'], auth }, { logger });
  expect(warnings).toEqual([]);
  createTransport({ vtgate: 'vtgate.example:15991', auth }, { logger });
  expect(warnings).toHaveLength(1);
});

test('no address is a mistake of the configuration', () => {
  expect(() => createTransport({ vtgate: [] })).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});
