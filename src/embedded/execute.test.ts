import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cells, RawClient } from '../../test/support/raw-client.js';
import { BindVariableSchema, Type } from '../wire/gen/query_pb.js';
import { ManualClock } from './clock.js';
import { startEmbeddedVtgate, type EmbeddedVtgate } from './server.js';

let vtgate: EmbeddedVtgate;
let client: RawClient;
const clock = new ManualClock();

beforeEach(async () => {
  vtgate = await startEmbeddedVtgate({
    clock,
    keyspaces: {
      commerce: {
        tables: {
          users: {
            columns: [
              { name: 'id', type: 'bigint', key: true },
              { name: 'name', type: 'varchar(20)' },
            ],
          },
        },
      },
      customer: { shards: ['-80', '80-'] },
    },
  });
  client = new RawClient(vtgate.address);
});

afterEach(async () => {
  client.close();
  await vtgate.close();
});

async function run(
  target: string,
  sql: string,
  binds: Record<string, string | bigint | null> = {},
): Promise<{ rows: (string | null)[][]; affected: number; error: string | undefined }> {
  const bindVariables = Object.fromEntries(
    Object.entries(binds).map(([name, value]) => {
      const type = value === null ? Type.NULL_TYPE : typeof value === 'bigint' ? Type.INT64 : Type.VARCHAR;
      return [name, create(BindVariableSchema, { type, value: value === null ? new Uint8Array() : Buffer.from(String(value)) })];
    }),
  );
  const response = await client.execute({ session: { targetString: target, autocommit: true }, query: { sql, bindVariables } });
  return {
    rows: (response.result?.rows ?? []).map(cells),
    affected: Number(response.result?.rowsAffected ?? 0n),
    error: response.error && `${response.error.code} ${response.error.message}`,
  };
}

test('topology, versions and settings are told as a VTGate tells them', async () => {
  expect((await run('', 'show vitess_shards')).rows).toEqual([['commerce/0'], ['customer/-80'], ['customer/80-']]);
  expect((await run('', 'show keyspaces')).rows).toEqual([['commerce'], ['customer']]);
  expect((await run('', 'show vitess_tablets')).rows[0]?.slice(0, 5)).toEqual(['zone1', 'commerce', '0', 'PRIMARY', 'SERVING']);
  expect((await run('commerce/0@primary', 'select @@global.binlog_row_image, @@global.binlog_expire_logs_seconds')).rows).toEqual([
    ['FULL', '2592000'],
  ]);
});

test('the server of a shard tells its GTID sets, through any way to name the shard', async () => {
  vtgate.engine.transaction('commerce', '0', []);
  const executed = vtgate.engine.executed('commerce');
  const uuid = executed.split(':')[0] as string;
  expect((await run('commerce/0@replica', 'select @@global.gtid_purged, @@global.gtid_executed')).rows).toEqual([
    [`${uuid}:1-17`, `${uuid}:1-18`],
  ]);
  expect((await run('commerce:0', 'select @@global.gtid_executed')).rows).toEqual([[executed]]);
  expect((await run('commerce', 'show global gtid_executed')).rows).toEqual([['commerce', executed, '0']]);
});

test('information_schema describes tables, columns and keys', async () => {
  const sql =
    'select table_name, column_name, column_type, is_nullable from information_schema.columns where table_schema = :keyspace order by table_name, ordinal_position';
  expect((await run('commerce', sql, { keyspace: 'commerce' })).rows).toEqual([
    ['users', 'id', 'bigint', 'NO'],
    ['users', 'name', 'varchar(20)', 'YES'],
  ]);
  expect((await run('commerce', sql, { keyspace: 'nothing' })).rows).toEqual([]);
});

test('rows are written with bound values, counted as changed, and reach the binary log', async () => {
  const before = vtgate.engine.executed('commerce');
  expect(await run('commerce', 'insert into users(id, name) values (:id, :name)', { id: 1n, name: 'a' })).toMatchObject({ affected: 1 });
  expect(await run('commerce', 'insert ignore into users(id, name) values (1, :name)', { name: 'b' })).toMatchObject({ affected: 0 });
  expect((await run('commerce', 'insert into users(id) values (1)')).error).toMatch(/^6 .*Duplicate entry '1'/);
  expect(await run('commerce', 'update users set name = :name where id = 1', { name: 'a' })).toMatchObject({ affected: 0 });
  expect(await run('commerce', "update users set name = 'c' where id = 1 and name = 'a'")).toMatchObject({ affected: 1 });
  expect((await run('commerce', 'select name, id from users where id >= :low', { low: 0n })).rows).toEqual([['c', '1']]);
  expect(vtgate.engine.executed('commerce')).not.toBe(before);
});

test('a lease is arithmetic on the clock of the engine', async () => {
  await run(
    'commerce',
    'create table if not exists `leases` (name varchar(255) not null, beat bigint not null, until datetime(6), primary key (name))',
  );
  await run('commerce', 'insert into leases (name, beat) values (:name, 0)', { name: 's' });
  const claim =
    'update leases set beat = beat + 1, until = utc_timestamp(6) + interval :lease microsecond where name = :name and (until is null or until <= utc_timestamp(6))';
  expect(await run('commerce', claim, { name: 's', lease: 5_000_000n })).toMatchObject({ affected: 1 });
  expect(await run('commerce', claim, { name: 's', lease: 5_000_000n })).toMatchObject({ affected: 0 });
  clock.advance(5001);
  expect(await run('commerce', claim, { name: 's', lease: 5_000_000n })).toMatchObject({ affected: 1 });
  const left = await run('commerce', 'select beat, timestampdiff(microsecond, utc_timestamp(6), until) from leases where name = :name', {
    name: 's',
  });
  expect(left.rows[0]?.[0]).toBe('2');
  expect(Number(left.rows[0]?.[1])).toBeGreaterThan(4_900_000);
});

test('a statement nobody expected is a syntax error inside the response, and remembered', async () => {
  const answer = await run('commerce', 'select json_arrayagg(x) over () from users');
  expect(answer.error).toMatch(/^3 /);
  expect(vtgate.unexpectedStatements).toEqual([
    expect.objectContaining({ target: 'commerce', text: 'select json_arrayagg(x) over () from users' }),
  ]);
});

test('an unknown keyspace and an unknown table are errors inside the response', async () => {
  expect((await run('nope', 'select id from users')).error).toMatch(/^5 VT05003: unknown database 'nope' in vschema/);
  expect((await run('commerce', 'select id from nope')).error).toMatch(/doesn't exist \(errno 1146\)/);
  expect(vtgate.unexpectedStatements).toEqual([]);
});
