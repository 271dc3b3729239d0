import { expect, test } from 'vitest';
import { VStreamError } from '../errors.js';
import { errorFromData, errorToData } from './error-data.js';
import { rpcError } from './failure.js';
import { serverStatus, serverStatusOf } from './status.js';

const crossed = (error: unknown): Error => errorFromData(structuredClone(errorToData(error)));

test('an error of ours arrives whole: class, code, category, coordinates, next step and where it was made', () => {
  const details = { keyspace: 'k', shard: '-80', table: 't', column: 'c', position: 'p', next: 'Do it.' };
  const error = new VStreamError('SHARD_NOT_FOUND', 'gone', { ...details, category: 'fatal', cause: new Error('deep') });
  const copy = crossed(error);
  expect(copy).toBeInstanceOf(VStreamError);
  expect(copy).toMatchObject({ code: 'SHARD_NOT_FOUND', message: 'gone', category: 'fatal', ...details, stack: error.stack });
  expect(copy.cause).toMatchObject({ message: 'deep', stack: (error.cause as Error).stack });
});

test('the status of the server is behind it as before', () => {
  const error = rpcError(serverStatus('grpc', 5, 'table x (errno 1146) (sqlstate 42S02)'), 'here:1');
  expect(serverStatusOf(error)?.errno).toBe(1146);
  expect(serverStatusOf(crossed(error))).toEqual(serverStatusOf(error));
});

test('an error of Node keeps its code, anything else its text', () => {
  expect(crossed(Object.assign(new TypeError('no file'), { code: 'ENOENT' }))).toMatchObject({
    name: 'TypeError',
    message: 'no file',
    code: 'ENOENT',
  });
  expect(crossed('just text')).toMatchObject({ message: 'just text' });
  expect(crossed(new VStreamError('INTERNAL', 'x', { cause: () => 1 })).cause).toBe('() => 1');
});

test('a circle of causes ends', () => {
  const error = new Error('round');
  error.cause = error;
  expect(crossed(error).message).toBe('round');
});
