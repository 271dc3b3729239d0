/** What a start asks by SQL: few statements, those of each shard apart, whatever the number of tables. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { Executor } from '../src/embedded/execute.js';
import { startEmbeddedVtgate } from '../src/embedded/index.js';
import { run } from '../src/index.js';

/** Statements of a second start that ends at once, by how they begin. Estimates of rows are asked for beside the start, for display only. */
async function asked(shards: readonly string[], tables: number): Promise<Record<string, number>> {
  const columns = [{ name: 'id', type: 'bigint', key: true }];
  const names = Array.from({ length: tables }, (_, at) => [`table_${at}`, { columns }] as const);
  await using vtgate = await startEmbeddedVtgate({ keyspaces: { vstream: {}, shop: { shards, tables: Object.fromEntries(names) } } });
  const options = {
    name: 'start',
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    state: { keyspace: 'vstream', table: 'streams' },
    sink: () => {},
  };
  await run({ ...options, until: 'copied' });
  const counts: Record<string, number> = {};
  const spy = vi.spyOn(Executor.prototype, 'execute');
  onTestFinished(() => spy.mockRestore());
  await run({ ...options, until: 'now' });
  for (const [{ query }] of spy.mock.calls) {
    const text = (query?.sql ?? '').replace(/\s+/g, ' ').replace(/`/g, '').slice(0, 60);
    if (!text.includes('table_rows')) counts[text] = (counts[text] ?? 0) + 1;
  }
  spy.mockRestore();
  return counts;
}

test('16 statements at most, of which one for each shard, whatever the number of tables', async () => {
  const shards = ['-40', '40-80', '80-c0', 'c0-'];
  const [small, large] = [await asked(['0'], 1), await asked(shards, 50)];
  const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((total, one) => total + one, 0);
  expect(sum(small)).toBeLessThanOrEqual(16);
  const grown = Object.entries(large).filter(([text, times]) => times !== small[text]);
  expect(grown).toEqual([[expect.stringMatching(/^select @@global\.binlog_row_image/) as string, shards.length]]);
});
