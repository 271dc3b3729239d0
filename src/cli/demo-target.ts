/** Where the demonstration writes: a DuckDB file, or JSONL where the driver is not installed. */
import { rm, stat } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { VStreamError } from '../errors.js';
import type { Sink } from '../pipeline/sink.js';

export interface DemoTarget {
  readonly sink: Sink;
  /** As shown to the user. */
  readonly path: string;
  count(table: string): Promise<number>;
  /** Newest first. */
  lastOrders(limit: number): Promise<readonly Record<string, unknown>[]>;
}

const DEFAULT_PATH = './vstream-demo.duckdb';
const JSONL_PATH = './vstream-demo.jsonl';
/** DuckDB's log beside the file. */
const COMPANIONS = ['', '.wal'];

/**
 * Opens the target, anew. Only the demonstration's own files are replaced.
 * @throws VStreamError `CONFIG_INVALID` when a file of the user's stands at `path`.
 */
export async function openTarget(asked: string | undefined, say: (text: string) => Promise<void>): Promise<DemoTarget> {
  const path = asked ?? DEFAULT_PATH;
  const driver = await import('@duckdb/node-api').catch(() => undefined);
  if (!driver) {
    await say('the DuckDB driver is not installed, so this writes JSONL; for DuckDB: npm install @duckdb/node-api');
    return openJsonl(asked === undefined ? JSONL_PATH : `${asked}.jsonl`);
  }
  if (path !== DEFAULT_PATH && (await stat(path).catch(() => undefined))) {
    throw new VStreamError('CONFIG_INVALID', `${path} exists already`, {
      next: 'Name a new file, or remove that one: the demonstration starts afresh.',
    });
  }
  for (const ending of COMPANIONS) await rm(`${path}${ending}`, { force: true });
  const { duckdb, readback } = await import('../sinks/duckdb/index.js');
  return {
    sink: duckdb({ path }),
    path,
    async count(table) {
      const [row] = await readback(path, `select count(*) as n from "${table}"`);
      return Number(row?.['n'] ?? 0);
    },
    lastOrders: (limit) =>
      readback(path, `select * exclude (_vstream_shard, _vstream_generation) from orders order by id desc limit ${limit}`),
  };
}

async function openJsonl(path: string): Promise<DemoTarget> {
  await rm(path, { force: true });
  const { jsonl } = await import('../sinks/jsonl/index.js');
  return {
    sink: jsonl({ path }),
    path,
    count: async (table) => (await replay(path, table)).size,
    lastOrders: async (limit) => [...(await replay(path, 'orders')).values()].slice(-limit).toReversed(),
  };
}

/** What the lines of one table add up to, by key. */
async function replay(path: string, table: string): Promise<ReadonlyMap<string, Record<string, unknown>>> {
  interface Line {
    readonly op: string;
    readonly table: string;
    readonly before?: Record<string, unknown>;
    readonly after?: Record<string, unknown>;
  }
  const rows = new Map<string, Record<string, unknown>>();
  for await (const text of createInterface({ input: createReadStream(path) })) {
    const { op, table: of, before, after } = JSON.parse(text) as Line;
    if (of !== table || op === 'schema') continue;
    if (after) rows.set(String(after['id']), after);
    else rows.delete(String(before?.['id']));
  }
  return rows;
}
