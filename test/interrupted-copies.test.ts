/**
 * A process that dies with rows at a destination that stores no positions, and without the position behind them. Rows deleted before
 * the next process starts must go there too: nothing else would say that they are gone.
 * Keys of several columns and of text: interrupted-copies.slow.test.ts.
 */
import { expect, test } from 'vitest';
import { Position, silentLogger, vstream } from '../src/index.js';
import { keepsDeletes, KEYS, SHARDS, startShop } from './support/killed-copy.js';

keepsDeletes('bigint');
keepsDeletes('none');

test('an own loop that saves each position gets those deletes as well', async () => {
  await using vtgate = await startShop(KEYS.bigint);
  const source = { vtgate: vtgate.address, keyspace: 'shop' };
  const rows = new Set<string>();
  let saved: string | undefined;
  for await (const batch of vstream({ source, tables: ['first'], logger: silentLogger })) {
    for (const change of batch.changes) rows.add(String(change.key?.['k']));
    // Killed with rows, before the position behind them is saved.
    if (batch.kind === 'copy') break;
    saved = JSON.stringify(batch.position);
  }
  expect(rows.size).toBeGreaterThan(0);
  for (const shard of SHARDS)
    vtgate.engine.transaction(
      'shop',
      shard,
      [...vtgate.engine.rows('shop', 'first', shard)].map(({ n }) => ({ op: 'delete', table: 'first', where: { n } })),
    );
  for await (const batch of vstream({ source, tables: ['first'], from: Position.parse(saved), until: 'now', logger: silentLogger })) {
    for (const { op, key } of batch.changes) {
      if (op === 'delete') rows.delete(String(key?.['k']));
      else rows.add(String(key?.['k']));
    }
  }
  expect([...rows]).toEqual([]);
});
