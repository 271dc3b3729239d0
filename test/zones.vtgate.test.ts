/** TIMESTAMP is UTC from copy and replication alike, in whatever zone it was written and in whatever zone server and client live. */
import { expect, test } from 'vitest';
import { must } from '../src/internal/must.js';
import { vstream } from '../src/index.js';
import { RawClient } from './support/raw-client.js';

const ZONES = { '+05:30': '2024-02-29 20:30:00.123', '-08:00': '2024-03-01 10:00:00.123', '+00:00': '2024-03-01 02:00:00.123' };
const WRITTEN = '2024-03-01 02:00:00.123';

test('written in three zones, read in two', { timeout: 120_000 }, async () => {
  const vtgate = must(process.env['VSTREAM_TEST_VTGATE'], 'VSTREAM_TEST_VTGATE');
  const client = new RawClient(vtgate);
  const run = async (...statements: string[]): Promise<void> => {
    for (const sql of statements) {
      const { error } = await client.execute({ session: { targetString: 'commerce@primary', autocommit: true }, query: { sql } });
      if (error) throw new Error(`${error.message} [${sql}]`);
    }
  };
  const insert = (first: number): Promise<void[]> =>
    Promise.all(
      Object.keys(ZONES).map((zone, at) => run(`insert into ct_zones values (${first + at}, '${WRITTEN}${zone}', '${WRITTEN}')`)),
    );
  const expected = (first: number): [bigint, string, string][] =>
    Object.values(ZONES).map((utc, at) => [BigInt(first + at), new Date(`${utc.replace(' ', 'T')}Z`).toISOString(), WRITTEN]);
  await run('drop table if exists ct_zones', 'create table ct_zones (id bigint primary key, ts timestamp(3) null, dt datetime(3))');
  const zone = process.env['TZ'];
  try {
    await insert(1);
    for (const here of ['Asia/Kolkata', 'America/Los_Angeles']) {
      process.env['TZ'] = here;
      const seen: unknown[][] = [];
      const stream = vstream({
        source: { vtgate, keyspace: 'commerce', tabletType: 'primary' },
        tables: ['ct_zones'],
        types: { timestamp: 'date' },
      });
      const first = here === 'Asia/Kolkata' ? 4 : 7;
      for await (const batch of stream) {
        for (const { after = {} } of batch.changes) seen.push([after['id'], (after['ts'] as Date).toISOString(), after['dt']]);
        if (batch.progress?.type === 'copy-completed') await insert(first);
        if (seen.length >= first + 2) break;
      }
      const all = Array.from({ length: (first + 2) / 3 }, (_, round) => expected(1 + 3 * round)).flat();
      expect(seen.toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual(all);
    }
  } finally {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
    await run('drop table ct_zones');
    client.close();
  }
});
