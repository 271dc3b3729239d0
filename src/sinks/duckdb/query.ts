/** Reading a DuckDB file back, for demos, checks and tests. Layer 5. */
import { access } from 'node:fs/promises';
import { VStreamError } from '../../errors.js';
import { systemClock } from '../../internal/clock.js';
import { silentLogger } from '../../observe/logger.js';
import { firstLine, openDatabase } from './driver.js';

/**
 * Runs one SQL statement on a database file and returns its rows as objects: integers up to 32 bits and floats as number, wider
 * ones as bigint, everything else (decimals, dates, timestamps) as DuckDB prints it, bytes as Uint8Array. Works beside a sink
 * of the same process; while another process holds the file it fails with `SINK_FAILED`, naming the holder.
 */
export async function readback(path: string, sql: string): Promise<Record<string, unknown>[]> {
  if (path !== ':memory:') {
    await access(path).catch((cause: unknown) => {
      throw new VStreamError('SINK_FAILED', `there is no DuckDB file ${path}`, { next: 'Correct the path.', cause });
    });
  }
  const database = await openDatabase({ path, wait: false, clock: systemClock, logger: silentLogger, signal: undefined });
  try {
    const reader = await database.connection.runAndReadAll(sql);
    const { DuckDBBlobValue, DuckDBListValue } = database.driver;
    const plain = (value: unknown): unknown => {
      if (value === null || typeof value !== 'object') return value;
      if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes);
      if (value instanceof DuckDBListValue) return value.items.map(plain);
      return String(value);
    };
    return reader.getRowObjects().map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])));
  } catch (cause) {
    throw new VStreamError(
      'SINK_FAILED',
      `the query on ${path} failed: ${firstLine(cause instanceof Error ? cause.message : String(cause))}`,
      {
        next: 'Correct the statement.',
        cause,
      },
    );
  } finally {
    database.close();
  }
}
