/** The sinks among the examples keep the contract. As programs the examples are run by examples.slow.test.ts. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sinkConformance } from 'vstream-client/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jsonFiles, readTable } from '../examples/custom-sink/sink.js';
import { warehouse } from '../examples/warehouse/sink.js';
import { Warehouse } from '../examples/warehouse/warehouse.js';
import { ROOT } from './reference/imports.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vstream-examples-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the warehouse connector keeps the contract, in less than a hundred lines', () => {
  const destination = new Warehouse();
  let url = '';
  beforeAll(async () => {
    url = await destination.listen();
  });
  afterAll(() => destination.close());
  const create = (): ReturnType<typeof warehouse> => warehouse({ url });
  const read = async ({ keyspace, table }: { keyspace: string; table: string }) => destination.rows(`${keyspace}.${table}`);
  for (const { title, run } of sinkConformance(warehouse({ url: 'unused' }))) test(title, () => run({ create, read }));

  test('its file has less than a hundred lines', async () => {
    const text = await readFile(join(ROOT, 'examples/warehouse/sink.ts'), 'utf8');
    expect(text.split('\n').length - 1).toBeLessThan(100);
  });
});

describe('the custom sink keeps the contract', () => {
  const files = (): string => join(folder, 'conformance');
  const harness = {
    create: () => jsonFiles({ path: files() }),
    read: (table: { keyspace: string; table: string }) => readTable(files(), table),
  };
  for (const { title, run } of sinkConformance(jsonFiles({ path: 'unused' }))) test(title, () => run(harness));
});
