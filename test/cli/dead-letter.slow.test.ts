/** Rows that are left out, seen and replayed by the program. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmbeddedVtgate } from '../../src/embedded/index.js';
import { readback } from '../../src/sinks/duckdb/index.js';
import { lastJson, runProgram } from './program.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'vstream-letters-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a bad row goes to the file, `status` says so, and `dead-letter replay` brings it once it can be read', async () => {
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'note', type: 'varchar(40)' },
  ];
  const rows = [
    { id: 1, note: 'fine' },
    { id: 2, note: Buffer.from([0xe9, 0x74, 0xe9]) },
  ];
  await using shop = await startEmbeddedVtgate({ keyspaces: { vstream: {}, shop: { tables: { notes: { columns, rows } } } } });
  const config = join(folder, 'letters.json');
  const write = (notes: unknown): Promise<void> =>
    writeFile(
      config,
      JSON.stringify({
        name: 'letters',
        source: { vtgate: shop.address, keyspace: 'shop' },
        tables: { notes },
        state: { keyspace: 'vstream', table: 'streams' },
        sink: { type: 'duckdb', path: 'letters.duckdb' },
        onBadRow: 'dead-letter',
        // Relative: beside the configuration, wherever the program is started.
        deadLetter: { path: 'letters.jsonl' },
      }),
    );
  await write(true);
  const ran = await runProgram(['run', config, '--until', 'copied', '--json']);
  expect(ran.code, ran.stderr).toBe(0);
  expect(lastJson(ran.stdout)).toMatchObject({ rows: 1 });
  expect(ran.stderr).toContain('rows were written to the dead letter file');
  const letters = join(folder, 'letters.jsonl');
  expect(await readFile(letters, 'utf8')).toContain('"table":"notes"');

  const status = await runProgram(['status', '--config', config]);
  expect(status.stdout).toMatch(/incomplete +notes of shop\/0 \(rows are among the dead letters\)/);
  const list = await runProgram(['dead-letter', 'list', letters]);
  expect(list.stdout).toMatch(/^[0-9a-f]{32} \S+ copy shop\.notes 0: cannot decode column note of shop\.notes/);
  expect(list.stderr).toContain('1 open, 0 done');

  const failed = await runProgram(['dead-letter', 'replay', letters, config, '--json']);
  expect(failed.code).toBe(1);
  expect(lastJson(failed.stdout)).toMatchObject({ error: { code: 'DECODE_FAILED', message: expect.stringContaining('1 of 1 rows') } });

  await write({ types: { note: 'charset:latin1' } });
  const replayed = await runProgram(['dead-letter', 'replay', letters, config, '--json']);
  expect(replayed.code, replayed.stderr).toBe(0);
  expect(lastJson(replayed.stdout)).toEqual({ replayed: 1, superseded: 0, filtered: 0, failed: 0 });
  expect(await readback(join(folder, 'letters.duckdb'), 'select note from notes order by id')).toEqual([{ note: 'fine' }, { note: 'été' }]);
  const after = await runProgram(['dead-letter', 'list', letters, '--json']);
  expect(lastJson(after.stdout)).toEqual({ letters: [], damaged: 0 });
  expect(lastJson((await runProgram(['dead-letter', 'list', letters, '--all', '--json'])).stdout)).toMatchObject({
    letters: [{ done: 'replayed' }],
  });
});

test('letters in a table are listed, shown, replayed and removed by what the configuration says', async () => {
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'note', type: 'varchar(40)' },
  ];
  const bad = Buffer.from([0xe9, 0x74, 0xe9]);
  const rows = [
    { id: 1, note: 'fine' },
    { id: 2, note: bad },
    { id: 3, note: bad },
  ];
  await using shop = await startEmbeddedVtgate({ keyspaces: { vstream: {}, shop: { tables: { notes: { columns, rows } } } } });
  const config = join(folder, 'table.json');
  const write = (notes: unknown): Promise<void> =>
    writeFile(
      config,
      JSON.stringify({
        name: 'tabled',
        source: { vtgate: shop.address, keyspace: 'shop' },
        tables: { notes },
        state: { keyspace: 'vstream', table: 'streams' },
        sink: { type: 'duckdb', path: 'table.duckdb' },
        onBadRow: 'dead-letter',
        deadLetter: { keyspace: 'vstream', table: 'bad_rows' },
      }),
    );
  await write(true);
  const ran = await runProgram(['run', config, '--until', 'copied', '--json']);
  expect(ran.code, ran.stderr).toBe(0);
  expect(ran.stderr).toContain('rows were written to the dead letter table vstream.bad_rows');
  const place = ['--dead-letter-keyspace', 'vstream', '--dead-letter-table', 'bad_rows', '--vtgate', shop.address, '--keyspace', 'shop'];
  const list = await runProgram(['dead-letter', 'list', ...place, '--json'], { cwd: folder });
  const listed = lastJson(list.stdout) as { letters: { id: string }[] };
  const [first, second] = listed.letters.map(({ id }) => id) as [string, string];
  const letters = (...words: readonly string[]) => runProgram(['dead-letter', ...words, '--config', config]);
  const [shown, json, missing, kept] = await Promise.all([
    letters('show', first.slice(0, 8)),
    letters('show', first, '--json'),
    letters('show', 'ffffffff'),
    letters('remove', second),
  ]);
  expect(shown.stdout).toMatch(/row +copy of shop\.notes on 0, phase copy, generation 1\n/);
  expect(shown.stdout).toMatch(/reason +DECODE_FAILED: cannot decode column note/);
  expect(shown.stdout).toMatch(/ {2}note +varchar\(40\): after 0xe974e9\n/);
  expect(lastJson(json.stdout)).toMatchObject({
    after: expect.any(String),
    field: expect.any(String),
    position: { version: 1 },
    columns: [
      { name: 'id', after: { text: expect.stringMatching(/^[23]$/) } },
      { name: 'note', after: { base64: bad.toString('base64') } },
    ],
  });
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('there is no letter ffffffff')]);
  // What was never replayed is not removed by the way.
  expect([kept.code, kept.stderr]).toEqual([2, expect.stringContaining('never replayed')]);
  await write({ types: { note: 'charset:latin1' } });
  const replayed = await letters('replay', '--complete', '--json');
  expect(replayed.code, replayed.stderr).toBe(0);
  expect(lastJson(replayed.stdout)).toEqual({ replayed: 2, superseded: 0, filtered: 0, failed: 0 });
  expect((await runProgram(['status', '--config', config])).stdout).not.toContain('incomplete');
  expect(await readback(join(folder, 'table.duckdb'), 'select count(*)::int as rows from notes')).toEqual([{ rows: 3 }]);
  // The configuration alone, where a file of letters could stand.
  expect(lastJson((await runProgram(['dead-letter', 'replay', config, '--json'])).stdout)).toMatchObject({ replayed: 0 });
  expect(lastJson((await letters('remove', '--done', '--json')).stdout)).toEqual({ removed: 2 });
  expect(shop.engine.rows('vstream', 'bad_rows')).toEqual([]);
  expect(shop.unexpectedStatements).toEqual([]);
});

test('what dead letters are meant has to be said, once', async () => {
  const nowhere = await runProgram(['dead-letter', 'list'], { cwd: folder });
  expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('it is not said where the dead letters are')]);
  const both = ['--dead-letter', 'x.jsonl', '--dead-letter-table', 't'];
  expect((await runProgram(['dead-letter', 'list', ...both], { cwd: folder })).stderr).toContain('and a table exclude each other');
  const half = await runProgram(['dead-letter', 'list', '--dead-letter-table', 't', '--vtgate', 'a:1'], { cwd: folder });
  expect([half.code, half.stderr]).toEqual([2, expect.stringContaining('--dead-letter-keyspace is missing')]);
  const which = await runProgram(['dead-letter', 'remove', '--dead-letter', 'x.jsonl'], { cwd: folder });
  expect([which.code, which.stderr]).toEqual([2, expect.stringContaining('which letters to remove')]);
});

test('a missing file, and a policy without its file, are found before anything is reached', async () => {
  const missing = await runProgram(['dead-letter', 'list', join(folder, 'none.jsonl')]);
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain('ENOENT');
  const config = join(folder, 'incomplete.json');
  await writeFile(
    config,
    JSON.stringify({
      name: 'x',
      source: { vtgate: 'a:1', keyspace: 'k' },
      state: { type: 'memory' },
      sink: { type: 'jsonl' },
      onBadRow: 'dead-letter',
    }),
  );
  const ran = await runProgram(['run', config]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain('deadLetter is missing');
});
