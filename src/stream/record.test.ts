import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../embedded/index.js';
import { vstream } from '../pipeline/vstream.js';

test('a change is printed and serialised as what it says, not as how it lies in its message', async () => {
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'item', type: 'varchar(40)' },
    { name: 'photo', type: 'blob' },
  ];
  const rows = [{ id: '9007199254740993', item: 'tea', photo: Uint8Array.of(0, 255) }];
  await using vtgate = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { orders: { columns, rows } } } } });
  const stream = vstream({ source: { vtgate: vtgate.address, keyspace: 'shop' }, tables: ['orders'], until: 'copied' });
  const seen = [];
  for await (const batch of stream) {
    for (const change of batch.changes) {
      seen.push(JSON.parse(JSON.stringify(change)));
      const { shard, after } = change;
      expect(after).toMatchObject({ id: 9007199254740993n, item: 'tea' });
      expect(inspect(change)).toBe(inspect({ op: 'copy', keyspace: 'shop', shard, table: 'orders', after, phase: 'copy' }));
      expect(inspect(batch.position, { depth: 9 })).toContain(`gtid: '${batch.position.gtid('shop', change.shard)}'`);
      expect(inspect(batch.position)).not.toContain('CopyPlan');
    }
  }
  const place = { keyspace: 'shop', shard: expect.any(String), table: 'orders' };
  expect(seen).toEqual([{ op: 'copy', ...place, after: { id: '9007199254740993', item: 'tea', photo: 'AP8=' }, phase: 'copy' }]);
});
