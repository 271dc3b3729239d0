/** Many shards and many tables: everything arrives, and nothing is paid for each pair of them. */
import { expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../src/embedded/index.js';
import { vstream, type Batch } from '../src/index.js';

const SHARDS = 64;
const TABLES = 100;
const ROWS = 16;

const edge = (index: number): string => (index % SHARDS === 0 ? '' : ((index * 256) / SHARDS).toString(16).padStart(2, '0'));
const shards = Array.from({ length: SHARDS }, (_, index) => `${edge(index)}-${edge(index + 1)}`);
const names = Array.from({ length: TABLES }, (_, index) => `table_${String(index).padStart(3, '0')}`);

test('64 shards and 100 tables: copy and changes meanwhile and afterwards arrive complete', async () => {
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'v', type: 'varchar(20)' },
  ];
  // Every tenth table is empty.
  const rowsOf = (at: number): { id: number; v: string }[] =>
    at % 10 === 0 ? [] : Array.from({ length: ROWS }, (_, row) => ({ id: row + 1, v: `first ${row}` }));
  const tables = Object.fromEntries(names.map((name, at) => [name, { columns, rows: rowsOf(at) }]));
  await using vtgate = await startEmbeddedVtgate({ keyspaces: { wide: { shards, tables } } });
  const { engine } = vtgate;
  const stream = vstream({ source: { vtgate: vtgate.address, keyspace: 'wide', tabletType: 'primary' } });

  const held = new Map<string, string>();
  const sequences = new Map<string, string[]>();
  const apply = (batch: Batch): void => {
    for (const { op, table, shard, before, after } of batch.changes) {
      const id = String((after ?? before)?.['id']);
      const key = `${table} ${id}`;
      if (op === 'delete') held.delete(key);
      else held.set(key, String(after?.['v']));
      sequences.set(key, [...(sequences.get(key) ?? []), shard]);
    }
  };
  let ended = 0;
  let live = false;
  for await (const batch of stream) {
    apply(batch);
    const { progress } = batch;
    if (progress?.type === 'table-end' && ++ended % SHARDS === 0) {
      // The n-th table is done: change a row of it, add one, delete one, and change one of a table still to come.
      const at = ended / SHARDS - 1;
      const [here, later] = [names[at] as string, names[(at + 50) % TABLES] as string];
      engine.write('wide', [
        { op: 'insert', table: here, row: { id: 1000 + at, v: 'while copying' } },
        { op: 'insert', table: later, row: { id: 2000 + at, v: 'while copying another' } },
        ...(at % 10 === 0
          ? []
          : [
              { op: 'update' as const, table: here, where: { id: 2 }, set: { v: 'changed' } },
              { op: 'delete' as const, table: here, where: { id: 3 } },
            ]),
      ]);
    }
    if (progress?.type === 'copy-completed' && !live) {
      live = true;
      for (const table of names) engine.write('wide', [{ op: 'insert', table, row: { id: 3000, v: 'last' } }]);
    }
    if (live && names.every((name) => held.has(`${name} 3000`))) break;
  }

  const expected = new Map(
    names.flatMap((table) => engine.rows('wide', table).map((row) => [`${table} ${String(row['id'])}`, String(row['v'])] as const)),
  );
  expect(Object.fromEntries(held)).toEqual(Object.fromEntries(expected));
  expect(ended).toBe(SHARDS * TABLES);
  // A key lives on one shard: nothing came from another.
  expect([...sequences.values()].filter((seen) => new Set(seen).size > 1)).toEqual([]);
  // One RPC for each table, and the stream's own after those that were copied beside it.
  expect(vtgate.requests.length).toBeGreaterThanOrEqual(TABLES);
  expect(vtgate.requests.length).toBeLessThanOrEqual(TABLES + 1);
});
