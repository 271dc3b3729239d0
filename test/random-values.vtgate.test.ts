/**
 * Random tables, rows and changes on a real Vitess: what the copy, replication and the DuckDB file hold is what MySQL itself says. The seed
 * is in the title; `VSTREAM_TEST_SEED` sets it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { seededRandom } from '../src/embedded/index.js';
import { memoryStore, run, vstream, type Position, type Row } from '../src/index.js';
import { must } from '../src/internal/must.js';
import { silentLogger } from '../src/observe/logger.js';
import { duckdb, readback } from '../src/sinks/duckdb/index.js';
import { RawClient } from './support/raw-client.js';
import {
  createTable,
  insertRows,
  PLAIN_TABLE,
  quote,
  randomTable,
  type RandomTable,
  RESHAPED,
  updateRows,
} from './support/random-table.js';

const SEED = Number(process.env['VSTREAM_TEST_SEED'] ?? Date.now() % 1_000_000);

/** Of one table by key: the text of each column in the one form both sides have. */
type Picture = Record<string, Record<string, string>>;

test(`what arrives is what MySQL says (seed ${SEED})`, { timeout: 120_000 }, async () => {
  const random = seededRandom(SEED);
  const vtgate = must(process.env['VSTREAM_TEST_VTGATE'], 'VSTREAM_TEST_VTGATE');
  const client = new RawClient(vtgate);
  const sql = (text: string): Promise<(string | null)[][]> => client.sql('commerce@primary', text);
  const folder = await mkdtemp(join(tmpdir(), 'vstream-random-'));
  const path = join(folder, 'random.duckdb');
  const source = { vtgate, keyspace: 'commerce', tabletType: 'primary' } as const;
  const tables = [PLAIN_TABLE, ...Array.from({ length: 6 }, (_, at) => randomTable(random, `rv_${at}`))];
  const names = tables.map(({ name }) => name);

  const rows = new Map<string, Map<number, Row>>(names.map((name) => [name, new Map()]));
  const follow = async (until: 'copied' | 'now', from: Position | undefined): Promise<Position | undefined> => {
    let position = from;
    for await (const batch of vstream({ source, tables: names, until, ...(from ? { from } : {}), logger: silentLogger })) {
      position = batch.position;
      for (const { table, before, after } of batch.changes) {
        const held = must(rows.get(table), table);
        if (before) held.delete(before['id'] as number);
        if (after) held.set(after['id'] as number, after);
      }
    }
    return position;
  };
  const state = memoryStore();
  const store = (until: 'copied' | 'now'): Promise<unknown> =>
    run({ name: 'random', source, tables: names, state, sink: duckdb({ path, zeroDates: 'text' }), until, logger: silentLogger });

  const said = async ({ name, columns }: RandomTable): Promise<Picture> => {
    const list = columns.map((column) => column.kind.truth(quote(column.name)));
    return pictureOf(columns, await sql(`select ${list.join(', ')} from ${quote(name)}`));
  };
  const stored = async ({ name, columns }: RandomTable): Promise<Picture> => {
    const list = columns.map((column, at) => `${column.kind.stored(`"${column.name.replaceAll('"', '""')}"`)} as c${at}`);
    const found = await readback(path, `select ${list.join(', ')} from ${name}`);
    return pictureOf(
      columns,
      found.map((row) => columns.map((_, at) => (row[`c${at}`] === null ? null : String(row[`c${at}`])))),
    );
  };
  const compare = async (): Promise<void> => {
    for (const table of tables) {
      const truth = await said(table);
      expect(delivered(table, must(rows.get(table.name), table.name)), `${table.name} as delivered`).toEqual(truth);
      expect(await stored(table), `${table.name} as stored`).toEqual(truth);
    }
  };
  try {
    for (const table of tables) {
      await sql(`drop table if exists ${table.name}`);
      await sql(createTable(table));
      await sql(insertRows(random, table, ids(0, 12)));
    }
    const copied = await follow('copied', undefined);
    await store('copied');
    await compare();
    for (const table of tables) {
      await sql(insertRows(random, table, ids(100, 12)));
      await sql(insertRows(random, table, ids(6, 3), 'replace'));
      for (let times = 0; times < 3; times++) await sql(updateRows(random, table));
      await sql(`update ${table.name} set id = id + 1000 where id % 5 = 1`);
      await sql(`delete from ${table.name} where id % 7 = 2`);
    }
    await follow('now', copied);
    await store('now');
    await compare();
    const { name, columns } = PLAIN_TABLE;
    for (const { clause, column } of RESHAPED) {
      // While nobody follows: the start that comes finds the table as it is by then.
      await sql(`alter table ${name} ${clause}`);
      const reshaped = { name, columns: [...columns, column] };
      await sql(updateRows(random, { name, columns: [column, column] }));
      await store('now');
      expect(await stored(reshaped), clause).toEqual(await said(reshaped));
    }
  } finally {
    for (const name of names) await sql(`drop table if exists ${name}`);
    client.close();
    await rm(folder, { recursive: true });
  }
});

const ids = (first: number, count: number): number[] => Array.from({ length: count }, (_, at) => first + at);

function pictureOf(columns: RandomTable['columns'], rows: readonly (readonly (string | null)[])[]): Picture {
  const picture: Picture = {};
  for (const row of rows) {
    const texts = columns.map(({ name, kind }, at): [string, string] => [
      `=${name}`,
      row[at] === null ? 'NULL' : kind.text(row[at] as string),
    ]);
    picture[must(row[0] ?? undefined, 'id')] = Object.fromEntries(texts);
  }
  return picture;
}

function delivered({ columns }: RandomTable, rows: ReadonlyMap<number, Row>): Picture {
  const picture: Picture = {};
  for (const [id, row] of rows) {
    const texts = columns.map(({ name, kind }): [string, string] => {
      const value = Object.hasOwn(row, name) ? row[name] : 'absent';
      return [`=${name}`, value === null ? 'NULL' : kind.value(value as never)];
    });
    picture[id] = Object.fromEntries(texts);
  }
  return picture;
}
