/** Tables of two keyspaces in one stream, on a real Vitess: its copy in one fails for an exact rule of a table that only the other has (G70). */
import { expect, test } from 'vitest';
import { must } from '../src/internal/must.js';
import { silentLogger, table, vstream } from '../src/index.js';
import { RawClient } from './support/raw-client.js';

test.each([
  ['whole rows', table()],
  ['a filter', table({ where: 'id < 1000' })],
])('the first with %s: both are copied, and followed at the end', { timeout: 120_000 }, async (_, first) => {
  const vtgate = must(process.env['VSTREAM_TEST_VTGATE'], 'VSTREAM_TEST_VTGATE');
  const client = new RawClient(vtgate);
  const run = async (keyspace: string, ...statements: string[]): Promise<void> => {
    for (const sql of statements) {
      const { error } = await client.execute({ session: { targetString: `${keyspace}@primary`, autocommit: true }, query: { sql } });
      if (error) throw new Error(`${error.message} [${sql}]`);
    }
  };
  const create = (name: string): string[] => [
    `drop table if exists ${name}`,
    `create table ${name} (id bigint primary key, v varchar(20))`,
    `insert into ${name} values (1, 'copied')`,
  ];
  await run('commerce', ...create('ct_here'));
  await run('vstream', ...create('ct_there'));
  try {
    const seen: string[] = [];
    const stream = vstream({
      source: { vtgate, tabletType: 'primary' },
      tables: { 'commerce.ct_here': first, 'vstream.ct_there': true },
      logger: silentLogger,
    });
    for await (const { progress, changes } of stream) {
      // While the first one follows, or waits for the copy of the second.
      if (progress?.type === 'table-start' && progress.table === 'ct_there') await run('commerce', "insert into ct_here values (2, 'new')");
      if (progress?.type === 'copy-completed') await run('vstream', "insert into ct_there values (2, 'new')");
      for (const { op, table: of, after } of changes) seen.push(`${op} ${of} ${String(after?.['id'])}`);
      if (seen.length === 4) break;
    }
    expect(seen.toSorted()).toEqual(['copy ct_here 1', 'copy ct_there 1', 'insert ct_here 2', 'insert ct_there 2']);
  } finally {
    await run('commerce', 'drop table if exists ct_here');
    await run('vstream', 'drop table if exists ct_there');
    client.close();
  }
});
