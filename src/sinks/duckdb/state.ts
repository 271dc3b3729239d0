/** The sink's own tables: position, epoch and incarnation beside the rows. Layer 5. */
import { VStreamError } from '../../errors.js';
import { Position } from '../../position/position.js';
import type { Connection } from './driver.js';

/**
 * `_vstream_state`: one row per stream. `_vstream_tables`: which table holds which source table. `_vstream_shards`: every shard
 * rows were stored under. `_vstream_clears`: truncates and sweeps that wait for other shards (position/clears.ts).
 */
const TABLES = [
  'main._vstream_state (stream varchar, incarnation varchar, epoch bigint, position varchar, updated_at timestamp)',
  'main._vstream_tables (stream varchar, keyspace varchar, source_table varchar, target_schema varchar, target_table varchar)',
  'main._vstream_shards (stream varchar, keyspace varchar, shard varchar)',
  'main._vstream_clears (stream varchar, keyspace varchar, source_table varchar, stored varchar, shard varchar, generation integer)',
];

const NOW = "(now() at time zone 'UTC')";

/** Who writes: the fence compares all three. */
export interface Owner {
  readonly stream: string;
  readonly incarnation: string;
  readonly epoch: bigint;
}

export interface StoredState {
  readonly incarnation: string;
  readonly epoch: bigint;
  readonly position: Position | undefined;
}

export async function createStateTables(connection: Connection): Promise<void> {
  for (const table of TABLES) await connection.run(`create table if not exists ${table}`);
  // Files of before know no ranges.
  await connection.run('alter table main._vstream_clears add column if not exists key_range varchar');
}

export async function readState(connection: Connection, stream: string): Promise<StoredState | undefined> {
  const reader = await connection.runAndReadAll('select incarnation, epoch, position from main._vstream_state where stream = $1', [stream]);
  const [row] = reader.getRows();
  if (!row) return undefined;
  const [incarnation, epoch, position] = row;
  return {
    incarnation: String(incarnation),
    epoch: BigInt(String(epoch)),
    position: typeof position === 'string' ? Position.parse(position) : undefined,
  };
}

export async function insertState(connection: Connection, stream: string, incarnation: string, epoch: bigint): Promise<void> {
  await connection.run(`insert into main._vstream_state values ($1, $2, $3, null, ${NOW})`, [stream, incarnation, epoch]);
}

/** Writes under the fence; throws `FENCED` when another owner has raised the epoch, or another life of the stream took over. */
export async function writeState(connection: Connection, owner: Owner, position: Position | undefined): Promise<void> {
  const { stream, incarnation, epoch } = owner;
  const set = position === undefined ? '' : 'position = $4, ';
  const result = await connection.run(
    `update main._vstream_state set ${set}updated_at = ${NOW} where stream = $1 and incarnation = $2 and epoch = $3`,
    position === undefined ? [stream, incarnation, epoch] : [stream, incarnation, epoch, position.toString()],
  );
  if (result.rowsChanged !== 1) throw fenced(stream, epoch);
}

/** A new owner of the same life. */
export async function raiseEpoch(connection: Connection, stream: string, epoch: bigint): Promise<void> {
  await connection.run(`update main._vstream_state set epoch = $2, updated_at = ${NOW} where stream = $1`, [stream, epoch]);
}

/** A new life of the stream, which forgets the position of the one before; its rows stay for the new copy to sweep. */
export async function adopt(
  connection: Connection,
  owner: Owner,
  earlier: { readonly incarnation: string; readonly epoch: bigint },
): Promise<void> {
  const { stream, incarnation, epoch } = owner;
  // Only from the life that was found at `open`: if a third one came between, this one is not the newest.
  const result = await connection.run(
    `update main._vstream_state set incarnation = $2, epoch = $3, position = null, updated_at = ${NOW} where stream = $1 and incarnation = $4 and epoch = $5`,
    [stream, incarnation, epoch, earlier.incarnation, earlier.epoch],
  );
  if (result.rowsChanged !== 1) throw fenced(stream, epoch);
}

export function fenced(stream: string, epoch: bigint): VStreamError {
  return new VStreamError(
    'FENCED',
    `another process took over the stream ${stream}; epoch ${epoch} may not write to the DuckDB file any more`,
    {
      next: 'Let the other process run, or stop it before starting this one.',
    },
  );
}
