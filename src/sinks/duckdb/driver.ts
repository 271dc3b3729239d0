/** The DuckDB driver: loaded at first use, opened with patience. Layer 5. */
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type * as DuckDb from '@duckdb/node-api';
import { VStreamError } from '../../errors.js';
import { delay, type Clock } from '../../internal/clock.js';
import type { Logger } from '../../observe/logger.js';

export type Driver = typeof DuckDb;
export type Connection = DuckDb.DuckDBConnection;

export interface Database {
  readonly driver: Driver;
  readonly connection: Connection;
  close(): void;
}

async function loadDriver(): Promise<Driver> {
  try {
    return await import('@duckdb/node-api');
  } catch (cause) {
    const missing =
      (cause as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND' || (cause as { code?: unknown }).code === 'MODULE_NOT_FOUND';
    throw new VStreamError('DRIVER_MISSING', missing ? 'the DuckDB driver is not installed' : 'the DuckDB driver cannot be loaded', {
      next: 'Run `npm install @duckdb/node-api`.',
      cause,
    });
  }
}

export interface OpenOptions {
  readonly path: string;
  /** Retry while another process holds the file. */
  readonly wait: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
}

const RETRY_MS = 1_000;
const SAY_EVERY = 30;

/**
 * Opens a database file and connects. In one process all sinks and readers of a path share one instance: DuckDB's file lock
 * keeps other processes out, but not a second instance in the same one.
 */
export async function openDatabase(options: OpenOptions): Promise<Database> {
  const { path, signal } = options;
  const driver = await loadDriver();
  await checkPath(path);
  for (let attempt = 0; ; attempt++) {
    if (signal?.aborted) throw aborted(path, signal);
    try {
      const instance =
        path === ':memory:' ? await driver.DuckDBInstance.create(path) : await driver.DuckDBInstance.fromCache(resolve(path));
      const connection = await instance.connect();
      let open = true;
      const close = (): void => {
        if (!open) return;
        open = false;
        connection.closeSync();
        instance.closeSync();
      };
      return { driver, connection, close };
    } catch (cause) {
      const holder = lockHolder(cause);
      if (holder === undefined) throw openFailed(path, cause);
      if (!options.wait) {
        throw new VStreamError('SINK_FAILED', `the DuckDB file ${path} is held by ${holder}`, {
          next: 'End that process, or use another file.',
          cause,
        });
      }
      if (attempt % SAY_EVERY === 0) options.logger.info({ path, holder }, `waiting for ${path}, held by ${holder}`);
      await delay(options.clock, RETRY_MS, signal).catch(() => {
        throw aborted(path, signal);
      });
    }
  }
}

/** Who holds the file, from DuckDB's own message; undefined when the error is another one. */
function lockHolder(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : String(error);
  if (!/could not set lock on file|being used by another process/i.test(text)) return undefined;
  const match = /held in (.+?) \(PID (\d+)\)/.exec(text) ?? undefined;
  return match ? `${match[1]} (process ${match[2]})` : 'another process';
}

async function checkPath(path: string): Promise<void> {
  if (path === ':memory:') return;
  const folder = dirname(resolve(path));
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new VStreamError('SINK_FAILED', `the folder of the DuckDB file ${path} does not exist`, {
      next: `Make the folder ${folder}, or correct the path.`,
    });
  }
  const file = await stat(resolve(path)).catch(() => undefined);
  if (file?.isDirectory()) {
    throw new VStreamError('SINK_FAILED', `the DuckDB path ${path} is a folder`, { next: 'Name a file in it.' });
  }
}

function openFailed(path: string, cause: unknown): VStreamError {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/not a valid DuckDB database/i.test(text)) {
    return new VStreamError('SINK_FAILED', `the file ${path} is not a DuckDB database`, {
      next: 'Name another file; this one was not touched.',
      cause,
    });
  }
  if (/permission denied|read-only file system|cannot open file/i.test(text)) {
    return new VStreamError('SINK_FAILED', `the DuckDB file ${path} cannot be opened for writing`, {
      next: 'Check the rights of the file and its folder.',
      cause,
    });
  }
  return new VStreamError('SINK_FAILED', `the DuckDB file ${path} cannot be opened: ${firstLine(text)}`, {
    next: 'Open it with the duckdb command line to see more; a newer DuckDB may have written it.',
    cause,
  });
}

function aborted(path: string, signal: AbortSignal | undefined): VStreamError {
  return new VStreamError('ABORTED', `opening the DuckDB file ${path} was aborted`, { cause: signal?.reason });
}

export function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
