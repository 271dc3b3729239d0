/** Rows into a DuckDB table through the appender, as part of the connection's transaction. Layer 5. */
import type { DuckDBType, DuckDBValue, DuckDBVector } from '@duckdb/node-api';
import { VStreamError } from '../../errors.js';
import { toJson } from '../../internal/json.js';
import type { TableVersion } from '../../schema/table.js';
import type { Change } from '../../stream/change.js';
import type { Target } from './catalog.js';
import type { Row } from './compact.js';
import type { Database, Driver } from './driver.js';
import { META } from './identifiers.js';
import { columnWriter } from './writers.js';

/** DuckDB's vector size: rows in a chunk. */
const CHUNK = 2_048;
/** Chunks between two turns of the event loop, so that a large batch does not starve the connection (about 15 ms). */
const CHUNKS_A_TURN = 4;

/** A row of a log table knows its change. */
export interface LoadRow extends Row {
  readonly change?: Change | undefined;
}

export interface Source<R> {
  /** Of the column, for messages. */
  readonly name: string;
  readonly type: DuckDBType;
  value(row: R): DuckDBValue;
}

export interface LoadOptions {
  readonly zeroDates: 'null' | 'text' | 'fail';
  readonly signal: AbortSignal;
}

/** Where each column of the table gets its value from, for rows of one version. */
export function rowSources(driver: Driver, target: Target, version: TableVersion, options: LoadOptions): Source<LoadRow>[] {
  const positions = new Map(version.columns.map((column, index) => [column.name.toLowerCase(), index]));
  return [...target.columns.values()].map(({ name, type }) => {
    const index = positions.get(name.toLowerCase());
    const column = index === undefined ? undefined : version.columns[index];
    if (index === undefined || column === undefined) return { name, ...metaSource(driver, name) };
    const writer = columnWriter(driver, column, type, { zeroDates: options.zeroDates, key: column.key });
    return { name, type: writer.type, value: (row) => writer.value(row.cells, index) };
  });
}

function metaSource(driver: Driver, name: string): Omit<Source<LoadRow>, 'name'> {
  switch (name) {
    case META.shard:
      return { type: driver.VARCHAR, value: (row) => row.shard };
    case META.generation:
      return { type: driver.INTEGER, value: (row) => row.generation };
    case META.op:
      return { type: driver.VARCHAR, value: (row) => row.change?.op ?? null };
    case META.gtid:
      return { type: driver.VARCHAR, value: (row) => row.change?.gtid ?? null };
    case META.ordinal:
      return { type: driver.INTEGER, value: (row) => row.change?.ordinal ?? null };
    case META.commitTime:
      return {
        type: driver.TIMESTAMP,
        value: ({ change }) =>
          change?.commitTime === undefined ? null : new driver.DuckDBTimestampValue(BigInt(change.commitTime) * 1_000_000n),
      };
    case META.before:
      return { type: driver.VARCHAR, value: ({ change }) => (change?.op === 'update' ? toJson(change.before) : null) };
    default:
      // A column this version of the table does not have: dropped at the source, or not added on this shard yet.
      return { type: driver.VARCHAR, value: () => null };
  }
}

/** Appends rows to `table` of `catalog` (the temporary tables are in `temp`). Blocks in turns of a few milliseconds. */
export async function append<R>(
  database: Database,
  table: { readonly catalog: 'temp' | null; readonly schema: string | null; readonly name: string },
  sources: readonly Source<R>[],
  rows: readonly R[],
  signal: AbortSignal,
): Promise<void> {
  if (rows.length === 0) return;
  const { driver, connection } = database;
  const appender = await connection.createAppender(table.name, table.schema, table.catalog);
  const types = sources.map((source) => source.type);
  try {
    for (let offset = 0, chunks = 1; offset < rows.length; offset += CHUNK, chunks++) {
      const count = Math.min(CHUNK, rows.length - offset);
      const chunk = driver.DuckDBDataChunk.create(types, count);
      const vectors = sources.map((_, index) => chunk.getColumnVector(index));
      // Row by row: the cells of an image keep their offsets only until the next image is asked.
      for (let at = 0; at < count; at++) {
        const row = rows[offset + at] as R;
        for (let index = 0; index < sources.length; index++)
          (vectors[index] as DuckDBVector).setItem(at, (sources[index] as Source<R>).value(row));
      }
      for (const vector of vectors) vector.flush();
      appender.appendDataChunk(chunk);
      if (chunks % CHUNKS_A_TURN === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        if (signal.aborted) throw new VStreamError('ABORTED', `writing to ${table.name} was aborted`, { cause: signal.reason });
      }
    }
    appender.flushSync();
  } catch (error) {
    // What the appender still holds must not be flushed by closing it.
    appender.clear();
    throw namingColumn(error, sources);
  } finally {
    appender.closeSync();
  }
}

/** A value that cannot be cast is told as a vector of the wrong type, by the number of its column. */
function namingColumn(error: unknown, sources: readonly { readonly name: string }[]): unknown {
  const text = error instanceof Error ? error.message : '';
  const match = /type mismatch in AppendDataChunk, expected (.+), got .+ for column (\d+)/.exec(text);
  const name = sources[Number(match?.[2])]?.name;
  return match && name !== undefined ? new Error(`a value does not fit ${match[1]} of column ${name}`, { cause: error }) : error;
}
