import { afterEach, describe, expect, test } from 'vitest';
import { RawClient, select } from '../../test/support/raw-client.js';
import { startEmbeddedVtgate, type EmbeddedOptions, type EmbeddedVtgate } from './server.js';

const USERS = {
  columns: [
    { name: 'id', type: 'bigint', key: true },
    { name: 'name', type: 'varchar(20)' },
  ],
};
const open: { vtgate: EmbeddedVtgate; client: RawClient }[] = [];

async function start(options: EmbeddedOptions): Promise<{ vtgate: EmbeddedVtgate; client: RawClient }> {
  const vtgate = await startEmbeddedVtgate(options);
  const client = new RawClient(vtgate.address);
  open.push({ vtgate, client });
  return { vtgate, client };
}

afterEach(async () => {
  for (const { vtgate, client } of open.splice(0)) {
    client.close();
    await vtgate.close();
  }
});

const current = (keyspace: string, shard = '') => ({ shardGtids: [{ keyspace, shard, gtid: 'current' }] });
const copy = (keyspace: string, shard = '') => ({ shardGtids: [{ keyspace, shard, gtid: '' }] });

describe('replication', () => {
  test('a transaction is BEGIN FIELD ROW VGTID COMMIT, and FIELD comes once', async () => {
    const { vtgate, client } = await start({ keyspaces: { commerce: { tables: { users: USERS } } } });
    const stream = client.stream({ vgtid: current('commerce'), filter: select('users') });
    await stream.untilCount('OTHER');
    vtgate.engine.transaction('commerce', '0', [{ op: 'insert', table: 'users', row: { id: 1, name: 'a' } }]);
    vtgate.engine.transaction('commerce', '0', [{ op: 'update', table: 'users', where: { id: 1 }, set: { name: 'b' } }]);
    vtgate.engine.transaction('commerce', '0', [{ op: 'delete', table: 'users', where: { id: 1 } }]);
    await stream.untilCount('COMMIT', 3);
    expect(stream.types).toEqual([
      'VGTID',
      'OTHER',
      'BEGIN',
      'FIELD',
      'ROW',
      'VGTID',
      'COMMIT',
      'BEGIN',
      'ROW',
      'VGTID',
      'COMMIT',
      'BEGIN',
      'ROW',
      'VGTID',
      'COMMIT',
    ]);
    expect(stream.changes.map(({ before, after }) => [before, after])).toEqual([
      [undefined, ['1', 'a']],
      [
        ['1', 'a'],
        ['1', 'b'],
      ],
      [['1', 'b'], undefined],
    ]);
    expect(stream.position('commerce', '0')?.gtid).toBe(`MySQL56/${vtgate.engine.executed('commerce')}`);
  });

  test('a transaction outside the filter is empty, and a shard that has not answered stays "current" in the vector', async () => {
    const { vtgate, client } = await start({ keyspaces: { customer: { shards: ['-80', '80-'], tables: { users: USERS, other: USERS } } } });
    const stream = client.stream({ vgtid: current('customer'), filter: select('users') });
    await stream.untilCount('OTHER', 2);
    expect(stream.events[0]?.vgtid?.shardGtids.map((entry) => entry.gtid).filter((gtid) => gtid === 'current')).toHaveLength(1);
    vtgate.engine.transaction('customer', '80-', [{ op: 'insert', table: 'other', row: { id: 1, name: 'x' } }]);
    await stream.untilCount('COMMIT');
    expect(stream.types.slice(4)).toEqual(['BEGIN', 'VGTID', 'COMMIT']);
  });

  test('a position resumes exactly behind its transaction', async () => {
    const { vtgate, client } = await start({ keyspaces: { commerce: { tables: { users: USERS } } } });
    for (let id = 1; id <= 3; id += 1)
      vtgate.engine.transaction('commerce', '0', [{ op: 'insert', table: 'users', row: { id, name: 'n' } }]);
    const uuid = vtgate.engine.executed('commerce').split(':')[0];
    const stream = client.stream({
      vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid: `MySQL56/${uuid}:1-19` }] },
      filter: select('users'),
    });
    await stream.untilCount('COMMIT');
    expect(stream.changes.map((change) => change.after?.[0])).toEqual(['3']);
  });

  test('a purged position and one that is ahead give heartbeats and nothing else', async () => {
    const { vtgate, client } = await start({ keyspaces: { commerce: { tables: { users: USERS } } }, purgedTimeoutMs: 1500 });
    for (let id = 1; id <= 3; id += 1)
      vtgate.engine.transaction('commerce', '0', [{ op: 'insert', table: 'users', row: { id, name: 'n' } }]);
    const uuid = vtgate.engine.executed('commerce').split(':')[0];
    vtgate.engine.purge('commerce');
    const from = (gtid: string) =>
      client.stream({
        vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid }] },
        filter: select('users'),
        flags: { heartbeatInterval: 1 },
      });
    const purged = from(`MySQL56/${uuid}:1-18`);
    const ahead = from(`MySQL56/${uuid}:1-99`);
    await Promise.all([purged.untilCount('HEARTBEAT'), ahead.untilCount('HEARTBEAT')]);
    const end = await purged.ended();
    expect([end.code, end.details]).toEqual([1, expect.stringContaining('failed to find a PRIMARY tablet')]);
    expect(new Set([...purged.types, ...ahead.types])).toEqual(new Set(['HEARTBEAT']));
    ahead.cancel();
  });

  test('DDL of a table in the filter is VGTID DDL, of another VGTID OTHER, and FIELD comes again', async () => {
    const { vtgate, client } = await start({
      keyspaces: { commerce: { tables: { users: USERS, other: USERS } } },
      transactionsAfterDdl: 0,
    });
    const stream = client.stream({ vgtid: current('commerce'), filter: select('users') });
    await stream.untilCount('OTHER');
    vtgate.engine.ddl('commerce', 'alter table other add column x int');
    vtgate.engine.ddl('commerce', 'alter table users add column age int default 7 after id');
    vtgate.engine.transaction('commerce', '0', [{ op: 'insert', table: 'users', row: { id: 1, name: 'a' } }]);
    await stream.untilCount('COMMIT');
    expect(stream.types.slice(2)).toEqual(['VGTID', 'OTHER', 'VGTID', 'DDL', 'BEGIN', 'FIELD', 'ROW', 'VGTID', 'COMMIT']);
    expect(stream.changes[0]?.after).toEqual(['1', '7', 'a']);
  });

  test('a failed transaction leaves rows and log as they were', async () => {
    const { vtgate } = await start({ keyspaces: { commerce: { tables: { users: USERS } } } });
    vtgate.engine.transaction('commerce', '0', [{ op: 'insert', table: 'users', row: { id: 1, name: 'a' } }]);
    const before = vtgate.engine.executed('commerce');
    expect(() =>
      vtgate.engine.transaction('commerce', '0', [
        { op: 'update', table: 'users', where: { id: 1 }, set: { name: 'z' } },
        { op: 'insert', table: 'users', row: { id: 2, name: 'b' } },
        { op: 'insert', table: 'users', row: { id: 1, name: 'c' } },
      ]),
    ).toThrow(/duplicate key/);
    expect(vtgate.engine.rows('commerce', 'users')).toEqual([{ id: 1n, name: 'a' }]);
    expect(vtgate.engine.executed('commerce')).toBe(before);
  });
});

describe('copy', () => {
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => ({ id: from + index, name: `n${from + index}` }));

  test('tables come in name order, two VGTIDs first, a BEGIN without COMMIT for the empty one, COPY_COMPLETED twice', async () => {
    const { client } = await start({ keyspaces: { commerce: { tables: { b_empty: USERS, a: { ...USERS, rows: rows(1, 3) } } } } });
    const stream = client.stream({ vgtid: copy('commerce'), filter: select('b_empty', 'a') });
    await stream.untilCount('COPY_COMPLETED', 2);
    expect(stream.types).toEqual([
      'BEGIN',
      'FIELD',
      'VGTID',
      'ROW',
      'ROW',
      'ROW',
      'VGTID',
      'COMMIT',
      'BEGIN',
      'VGTID',
      'COMMIT',
      'BEGIN',
      'FIELD',
      'BEGIN',
      'VGTID',
      'COMMIT',
      'COPY_COMPLETED',
      'COPY_COMPLETED',
    ]);
    expect(stream.frames.map((events) => events.length)).toEqual([2, 1, 5, 3, 2, 3, 2]);
    const keys = stream.events
      .filter((event) => event.vgtid)
      .map((event) => event.vgtid?.shardGtids[0]?.tablePKs.map((key) => key.tableName));
    expect(keys).toEqual([[], ['a'], [], []]);
  });

  test('changes while a table is copied come after it, and the rows are those of its snapshot', async () => {
    const { vtgate, client } = await start({
      keyspaces: { commerce: { tables: { users: { ...USERS, rows: rows(1, 100) } } } },
      packetBytes: 100,
    });
    let wrote = false;
    vtgate.faults.atCopyPoint((point) => {
      if (wrote || point.at !== 'rows') return;
      wrote = true;
      vtgate.engine.transaction('commerce', '0', [
        { op: 'delete', table: 'users', where: { id: 100 } },
        { op: 'insert', table: 'users', row: { id: 101, name: 'late' } },
      ]);
    });
    const stream = client.stream({ vgtid: copy('commerce'), filter: select('users') });
    await stream.untilGtid('commerce', '0', `MySQL56/${vtgate.engine.executed('commerce')}`).catch(() => undefined);
    await stream.until(() => stream.changes.some((change) => change.after?.[0] === '101'));
    expect(stream.changes.filter((change) => change.copy).map((change) => change.after?.[0])).toEqual(
      rows(1, 100).map((row) => String(row.id)),
    );
    expect(stream.changes.filter((change) => !change.copy)).toHaveLength(2);
  });

  test('a shard with an entry copies every listed table it has no entry for, and drops its changes until then', async () => {
    const { vtgate, client } = await start({
      keyspaces: { commerce: { tables: { ta: { ...USERS, rows: rows(1, 5) }, tb: { ...USERS, rows: rows(1, 5) } } } },
    });
    const before = `MySQL56/${vtgate.engine.executed('commerce')}`;
    vtgate.engine.transaction('commerce', '0', [{ op: 'delete', table: 'ta', where: { id: 3 } }]);
    const stream = client.stream({
      vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid: before, tablePKs: [{ tableName: 'tb' }] }] },
      filter: select('ta', 'tb'),
      flags: { tablesToCopy: ['ta', 'tb'] },
    });
    await stream.untilCount('COPY_COMPLETED', 2);
    expect(stream.changes.some((change) => change.before?.[0] === '3')).toBe(false);
    expect(stream.changes.filter((change) => change.table === 'commerce.ta' && change.copy)).toHaveLength(4);
  });

  test('the final COPY_COMPLETED is missing when a shard had nothing to copy', async () => {
    const { vtgate, client } = await start({
      keyspaces: { customer: { shards: ['-80', '80-'], tables: { users: { ...USERS, rows: rows(1, 20) } } } },
    });
    const done = `MySQL56/${vtgate.engine.executed('customer', '80-')}`;
    const stream = client.stream({
      vgtid: {
        shardGtids: [
          { keyspace: 'customer', shard: '-80', gtid: '' },
          { keyspace: 'customer', shard: '80-', gtid: done },
        ],
      },
      filter: select('users'),
    });
    await stream.untilCount('COPY_COMPLETED');
    vtgate.engine.transaction('customer', '80-', []);
    await stream.untilGtid('customer', '80-', `MySQL56/${vtgate.engine.executed('customer', '80-')}`);
    expect(stream.types.filter((type) => type === 'COPY_COMPLETED')).toHaveLength(1);
  });

  test('a table without a key loses the equal rows after its last key when resumed inside', async () => {
    const keyless = { columns: [{ name: 'a', type: 'int' }], rows: Array.from({ length: 10 }, () => ({ a: 1 })) };
    const { client } = await start({ keyspaces: { commerce: { tables: { keyless } } }, packetBytes: 3 });
    const first = client.stream({ vgtid: copy('commerce'), filter: select('keyless') });
    await first.untilCount('COMMIT');
    const at = first.events.findLast((event) => event.vgtid?.shardGtids[0]?.tablePKs.length)?.vgtid;
    const again = client.stream({ vgtid: { shardGtids: at?.shardGtids ?? [] }, filter: select('keyless') });
    await again.untilCount('COPY_COMPLETED', 2);
    expect(again.changes).toEqual([]);
    first.cancel();
  });
});

describe('requests', () => {
  test.each([
    ['no vector', {}, 3, 'vgtid must have at least one value'],
    ['unknown keyspace', { vgtid: current('nope') }, 2, 'keyspace nope fetch error'],
    ['unknown shard', { vgtid: current('commerce', '-40') }, 9, 'shard provided in VGTID, -40, not found'],
    [
      'undecodable position',
      { vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid: 'garbage' }] } },
      13,
      'unknown GTIDSet flavor ""',
    ],
    ['missing table in a copy', { vgtid: copy('commerce'), filter: select('nope') }, 2, 'table nope is not present in the database'],
    [
      'nothing to copy',
      { vgtid: copy('commerce'), filter: select('users'), flags: { tablesToCopy: ['nope'] } },
      2,
      'stream needs a position or a table to copy',
    ],
  ])('%s ends with the code and text of a real server', async (_name, request, code, text) => {
    const { client } = await start({ keyspaces: { commerce: { tables: { users: USERS } } } });
    const end = await client.stream(request).ended();
    expect(end.code).toBe(code);
    expect(end.details).toContain(text);
  });

  test.each([
    ['no credentials', {}, 16],
    ['a wrong password', { username: 'u', password: 'wrong' }, 7],
  ])('static auth refuses %s', async (_name, metadata, code) => {
    await using vtgate = await startEmbeddedVtgate({ keyspaces: { commerce: {} }, auth: { username: 'u', password: 'secret' } });
    const client = new RawClient(vtgate.address, { metadata });
    expect((await client.stream({ vgtid: current('commerce') }).ended()).code).toBe(code);
    await expect(client.sql('', 'show keyspaces')).rejects.toMatchObject({ code });
    client.close();
  });

  test('static auth lets the right credentials in', async () => {
    await using vtgate = await startEmbeddedVtgate({ keyspaces: { commerce: {} }, auth: { username: 'u', password: 'secret' } });
    const client = new RawClient(vtgate.address, { metadata: { username: 'u', password: 'secret' } });
    await client.stream({ vgtid: current('commerce') }).untilCount('OTHER');
    client.close();
  });
});
