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
