/** A transaction in parts, and a client killed between two of them: the sink's position says how far it came (issue: E106 of the Go client). */
import { expect, onTestFinished, test } from 'vitest';
import { startEmbeddedVtgate } from '../../src/embedded/index.js';
import { startSinkServer } from '../../src/testing/sink-server.js';
import { Child } from './child.js';

const ROWS = 2_000;
const LEASE_MS = 1_000;

test('goes on behind the last part that was stored, and applies no change twice', async () => {
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'payload', type: 'varchar(200)' },
  ];
  await using vtgate = await startEmbeddedVtgate({
    keyspaces: { vstream: {}, shop: { tables: { item: { columns } } } },
    packetBytes: 5_000,
  });
  const sink = await startSinkServer();
  onTestFinished(() => sink.close());
  const start = (more: object): Child => {
    const child = new Child({
      source: { vtgate: vtgate.address, keyspace: 'shop' },
      state: { keyspace: 'vstream', table: 'streams' },
      sink: sink.address,
      options: { name: 'huge', lease: `${LEASE_MS}ms`, hugeTransaction: 'split', limits: { transactionBytes: 50_000 }, ...more },
      gate: !('until' in more),
    });
    onTestFinished(() => child[Symbol.asyncDispose]());
    return child;
  };
  /** Changes of each batch that was applied. */
  const applied = (child: Child): number[] => child.said.flatMap((one) => ('applied' in one ? [Number(one['changes'])] : []));

  const killed = start({});
  for (let nth = 1; (await killed.until('applying', nth))['applying'] !== 'copy-completed'; nth++) killed.say('go');
  killed.say('go');
  const rows = Array.from({ length: ROWS }, (_, id) => ({ id, payload: `row ${id} `.padEnd(150, 'x') }));
  vtgate.engine.transaction('shop', '0', [{ op: 'insert', table: 'item', rows }]);
  // Three parts are stored; the fourth is at the sink's door.
  while (applied(killed).filter((changes) => changes > 0).length < 3) {
    const nth = killed.count('applied') + 1;
    await killed.until('applying', nth);
    killed.say('go');
    await killed.until('applied', nth);
  }
  await killed.until('applying', killed.count('applied') + 1);
  killed.kill('SIGKILL');
  await killed.exited;
  const before = sink.rows({ keyspace: 'shop', table: 'item' }).length;
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(ROWS);
  expect(sink.stored('huge')?.position?.partial).toMatchObject([{ applied: before, parts: 3 }]);

  const next = start({ until: 'now' });
  await next.until('finished');
  const sum = (parts: readonly number[]): number => parts.reduce((total, one) => total + one, 0);
  expect([sum(applied(killed)), sum(applied(next))]).toEqual([before, ROWS - before]);
  expect(sink.rows({ keyspace: 'shop', table: 'item' })).toHaveLength(ROWS);
  expect(sink.stored('huge')?.position?.partial).toEqual([]);
});
