import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { failedSetInText, shardInText } from './failed-at.js';
import { rpcError } from './failure.js';
import { serverStatus } from './status.js';

const uuid = '57c397cb-e697-11f1-aa33-02fc00000001';

test('the shard of the recorded panic of a real server is known', () => {
  const file = new URL('../../test/captures/shapes/partial-json-server-panic.json', import.meta.url);
  const { end } = JSON.parse(readFileSync(file, 'utf8')) as { end: { details: string } };
  expect(shardInText(end.details)).toEqual({ keyspace: 'commerce', shard: '0' });
  expect(failedSetInText(end.details)).toBeUndefined();
});

test('VTGate names the shard in each of its wrappers, and a connection error names none', () => {
  expect(shardInText('persistent error in vstream for shop/-80 on tablet zone1-100; giving up: x')).toEqual({
    keyspace: 'shop',
    shard: '-80',
  });
  expect(shardInText('failed to find a PRIMARY tablet for VStream in shop/80- within the zone1 cell(s): context has expired')).toEqual({
    keyspace: 'shop',
    shard: '80-',
  });
  expect(shardInText('Connection dropped')).toBeUndefined();
});

test('a table that a tablet does not know is named by the error, beside the shard', () => {
  const text =
    'error starting stream from shard GTID keyspace:"shop" shard:"-80" gtid:"": target: shop.-80.replica: vttablet: rpc error: code = Unknown desc = stream (at source tablet) error @ : table orders is not present in the database';
  expect(rpcError(serverStatus('grpc', 2, text), 'v:1')).toMatchObject({
    code: 'TABLE_NOT_FOUND',
    keyspace: 'shop',
    shard: '-80',
    table: 'orders',
  });
});

test('the set up to the failing transaction is read where a tablet gives it', () => {
  const text = `stream (at source tablet) error @ (including the GTID we failed to process) MySQL56/${uuid}:1-27: unexpected statement type`;
  expect(failedSetInText(text)).toBe(`MySQL56/${uuid}:1-27`);
  expect(failedSetInText(`stream (at source tablet) error @ MySQL56/${uuid}:1-5:7: EOF`)).toBe(`MySQL56/${uuid}:1-5:7`);
  expect(failedSetInText(`error @ MySQL56/${uuid}:1-5,5a2547b8-e697-11f1-a746-02fc00000001:1-262: EOF`)).toBe(
    `MySQL56/${uuid}:1-5,5a2547b8-e697-11f1-a746-02fc00000001:1-262`,
  );
});

test('of a panic with its stack the error tells the first line, and where', () => {
  const panic =
    'uncaught panic: runtime error: slice bounds out of range [:6147] with capacity 319 . Stack-trace: runtime/panic.go:236 (0x451d76)';
  const text = `error starting stream from shard GTID keyspace:"commerce" shard:"0" gtid:"x": persistent error in vstream for commerce/0 on tablet zone1-0000000100; giving up: target: commerce.0.primary: vttablet: rpc error: code = Unknown desc = ${panic}`;
  const error = rpcError(serverStatus('grpc', 2, text), 'v:1');
  expect(error).toMatchObject({ code: 'TRANSACTION_UNDECODABLE', keyspace: 'commerce', shard: '0' });
  expect(error.message).toMatch(/with capacity 319$/);
});
