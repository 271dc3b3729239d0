/**
 * Warns of selected tables whose traffic was switched to another keyspace. VTGate drops the journal of MoveTables (G128): the stream goes
 * on, with what the workflow writes back to the old tables, and ends in silence when it is completed with its data kept. Layer 3.
 */
import type { Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { TableRef } from '../schema/table.js';
import { readNothing } from '../sql/moved.js';
import { runStatement } from '../sql/statement.js';
import type { ShardName } from '../sql/topology.js';
import { sqlFailure } from '../transport/failure.js';
import type { Transport } from '../transport/transport.js';

export interface MovedTablesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly transport: Transport;
  /** The selected tables, as they are now. */
  tables(): readonly TableRef[];
}

/** How often tables are asked about, and warned of again. */
const LOOK_MS = 600_000;
/** In one statement. */
const TOGETHER = 50;

export class MovedTables {
  readonly #options: MovedTablesOptions;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: MovedTablesOptions) {
    this.#options = options;
  }

  /** Looks in the background, when it is time. One shard answers for its keyspace: traffic is switched on all of them. */
  look(shards: readonly ShardName[], signal: AbortSignal): void {
    const { clock, tables } = this.#options;
    const now = clock.monotonic();
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    const selected = tables();
    for (const keyspace of new Set(shards.map((one) => one.keyspace))) {
      const shard = shards.find((one) => one.keyspace === keyspace)?.shard ?? '';
      const names = selected.filter((one) => one.keyspace === keyspace).map((one) => one.table);
      this.#among(keyspace, shard, names, signal).then(
        (moved) => moved.forEach((table) => this.#warn(keyspace, table)),
        () => {
          // The RPC ended: the next one asks again.
          this.#lookedAt = Number.NEGATIVE_INFINITY;
        },
      );
    }
  }

  /** Those of the tables that were moved. */
  async #among(keyspace: string, shard: string, tables: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const moved: string[] = [];
    for (let at = 0; at < tables.length; at += TOGETHER) {
      moved.push(...(await this.#narrow(keyspace, shard, tables.slice(at, at + TOGETHER), signal)));
    }
    return moved;
  }

  async #narrow(keyspace: string, shard: string, tables: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    try {
      await runStatement(this.#options.transport, readNothing(keyspace, shard, tables), { signal });
      return [];
    } catch (error) {
      if (signal.aborted) throw error;
      // Rights that forbid it, a table that is gone, a shard that went away: nothing is known.
      if (sqlFailure(error)?.code !== 'TABLE_MOVED') return [];
      if (tables.length === 1) return tables;
    }
    const half = Math.ceil(tables.length / 2);
    const parts = [tables.slice(0, half), tables.slice(half)];
    return (await Promise.all(parts.map((part) => this.#narrow(keyspace, shard, part, signal)))).flat();
  }

  #warn(keyspace: string, table: string): void {
    this.#options.logger.warn(
      { code: 'TABLE_MOVED', keyspace, table },
      `${keyspace}.${table} was moved to another keyspace: only what the workflow writes back comes here, and nothing once it is completed; stream it from there`,
    );
  }
}
