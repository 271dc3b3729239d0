/**
 * Sees when VTGate goes on behind a copy of which no row came. Pure state. Layer 3.
 *
 * VTGate restarts a broken tablet stream from its last vector, without a sign. The first vector of a copy from no position names no table
 * under way (G27, G107): a stream restarted there replicates from the snapshot on and never copies. Handed out, its changes would be of rows
 * that are not there; the copy that begins later drops what happens to them until its first row, deletes included.
 */
import { VStreamError } from '../errors.js';
import type { Position } from '../position/position.js';
import type { TableRef } from '../schema/table.js';
import type { Unit } from './units.js';

export class CopyStart {
  readonly #table: TableRef | undefined;
  /** Shards of which no copied rows, nor the end of the table, have come. */
  readonly #waiting = new Set<string>();

  constructor({ shards }: Position, table: TableRef | undefined) {
    this.#table = table;
    for (const { keyspace, shard, gtid } of shards) if (keyspace === table?.keyspace && gtid === '') this.#waiting.add(shard);
  }

  /**
   * With every unit, before anything is made of it. `heartbeats`: shards, as `keyspace/shard`, of which rows of the tablet's own heartbeat
   * table came with it, which newer tablets send during a copy as well (G120).
   * @throws VStreamError `STREAM_LOST` (retry): the copy of that shard has to begin again
   */
  check(unit: Unit, heartbeats: { has(name: string): boolean }): void {
    if (this.#waiting.size === 0) return;
    const { keyspace, shard, vgtid } = unit;
    if (keyspace !== this.#table?.keyspace || !this.#waiting.has(shard) || heartbeats.has(`${keyspace}/${shard}`)) return;
    if (unit.kind !== 'group' || !unit.copied) {
      const { table } = this.#table;
      throw new VStreamError('STREAM_LOST', `VTGate went on behind the copy of ${keyspace}.${table} on shard ${shard} without its rows`, {
        keyspace,
        shard,
        table,
        next: 'The client begins the copy of that shard again.',
      });
    }
    if (vgtid) this.#waiting.delete(shard);
  }
}
