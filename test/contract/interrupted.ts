/**
 * Copies whose process dies with rows and without the position behind them, played on a target. Rows deleted before the next process
 * goes on are gone at the sink then, whatever the type of the key: it asks for the rows behind a key that lies before all of them.
 */
import assert from 'node:assert/strict';
import { memoryStore, run, silentLogger } from '../../src/index.js';
import { MemoryDestination } from '../../src/testing/memory-sink.js';
import { DyingSink, reachable } from '../support/dying-sink.js';
import { line } from './scenario.js';
import type { Target } from './target.js';

export interface InterruptedCase {
  /** Type of the key's first column. */
  readonly key: string;
  /** Values of `id`, the least there are among them. */
  readonly ids: readonly unknown[];
}

const hex = (text: string): Uint8Array => Buffer.from(text.padEnd(32, '0'), 'hex');

export const interruptedCases: readonly InterruptedCase[] = [
  { key: 'tinyint', ids: [-128, -1, 0, 1, 127] },
  { key: 'bigint', ids: [-9_223_372_036_854_775_808n, -1n, 0n, 5n, 9_223_372_036_854_775_807n] },
  { key: 'bigint unsigned', ids: [0n, 1n, 2n, 9n, 18_446_744_073_709_551_615n] },
  { key: 'decimal(6,2)', ids: ['-9999.99', '-0.01', '0.00', '0.01', '9999.99'] },
  { key: 'year', ids: [0, 1901, 1970, 2026, 2155] },
  { key: 'bit(64)', ids: [0, 1, 2, 3, 4].map((n) => hex(`0${n}`).subarray(0, 8)) },
  { key: 'date', ids: ['0001-01-01', '1000-01-01', '1969-12-31', '2026-11-23', '9999-12-31'] },
  { key: 'datetime(3)', ids: ['0001-01-01 00:00:00.000', '1000-01-01 00:00:00.000', '2026-11-23 00:00:00.001', '2026-11-23 00:00:00.002'] },
  { key: 'timestamp', ids: ['1970-01-01 00:00:01', '1999-12-31 23:59:59', '2026-11-23 00:00:00', '2038-01-19 03:14:07'] },
  { key: 'time(3)', ids: ['-838:59:59.000', '-00:00:00.001', '00:00:00.000', '838:59:59.000'] },
  { key: "enum('b','a','')", ids: ['b', 'a', ''] },
  { key: "set('b','a')", ids: ['', 'b', 'a', 'b,a'] },
  { key: 'binary(16)', ids: ['00', '01', '2d39', 'ff'].map(hex) },
  { key: 'varbinary(9)', ids: ['', '-9', '1e9', 'z'].map((one) => Buffer.from(one)) },
  { key: 'varchar(9) collate utf8mb4_bin', ids: ['', '\t', '-9', '-1e300', 'a', 'é'] },
  { key: 'varchar(9) character set latin1', ids: ['', '-9', '0', 'a', 'ö'] },
];

export async function playInterrupted({ key, ids }: InterruptedCase, target: Target): Promise<void> {
  const table = 'ct_interrupted';
  await target.ddl('sharded', `drop table if exists ${table}`);
  await target.ddl('sharded', `create table ${table} (n int not null, id ${key} not null, v varchar(20), primary key (id, n))`);
  const rows = ids.map((id, n) => ({ n, id, v: 'copied' }));
  const shards = ['-80', '80-'].map((shard, at) => ({ shard, rows: rows.filter(({ n }) => n % 2 === at) }));
  for (const { shard, rows: here } of shards) await target.transaction('sharded', shard, [{ op: 'insert', table, rows: here }]);
  const destination = new MemoryDestination();
  const state = memoryStore();
  const options = (sink: DyingSink): Parameters<typeof run>[0] => ({
    name: 'interrupted',
    source: { vtgate: target.address, keyspace: 'sharded', tabletType: 'primary' },
    tables: [table],
    state: reachable(state, sink),
    sink,
    until: 'copied',
    sinkRetry: 0,
    checkpointInterval: '1h',
    logger: silentLogger,
  });
  try {
    // Dead once rows of both shards are there.
    const seen = (sink: DyingSink): boolean => new Set(sink.batches.map(({ copy }) => copy?.shard)).size > 2;
    await assert.rejects(run(options(new DyingSink(destination, false, seen))), /killed/);
    assert.equal(destination.rows({ keyspace: 'sharded', table }).length, rows.length);
    for (const { shard, rows: here } of shards) {
      await target.transaction('sharded', shard, [
        ...here.slice(0, 1).map(({ n }) => ({ op: 'delete' as const, table, where: { n } })),
        ...here.slice(1, 2).map(({ n }) => ({ op: 'update' as const, table, where: { n }, set: { v: 'changed' } })),
      ]);
    }
    await run(options(new DyingSink(destination, false, () => false)));
    const left = shards.flatMap(({ rows: here }) => here.slice(1).map((row, at) => ({ ...row, v: at === 0 ? 'changed' : row.v })));
    const there = destination.rows({ keyspace: 'sharded', table });
    assert.deepEqual(there.map((row) => line({ n: row['n'], v: row['v'] })).sort(), left.map(({ n, v }) => line({ n, v })).sort());
  } finally {
    await target.ddl('sharded', `drop table if exists ${table}`);
  }
}
