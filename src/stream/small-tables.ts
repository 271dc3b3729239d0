/**
 * Copies small tables from a snapshot beside the stream, many in the time that one takes with the stream's own RPC: that one pays a
 * second for its catch-up, whatever the table's size. Layer 3.
 *
 * A table is read whole before any of it is handed out, so that it is either not begun or done on a shard. What does not fit, or does
 * not come, is copied in the ordinary way.
 */
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import { fitsBeside } from '../copy/beside.js';
import type { TableRef } from '../schema/table.js';
import type { Assembler } from './assembler.js';
import type { AssemblerOptions } from './batch-limits.js';
import type { StreamBatch } from './batch.js';
import type { SourceTable, StreamCatalog } from './catalog.js';
import type { Delivery } from './delivery.js';
import { isAtOrAhead, type SnapshotRows } from './snapshot-rows.js';
import { readSnapshot, type SnapshotOptions } from './snapshot.js';
import type { GroupUnit } from './units.js';

/** Meanwhile the stream stands still: no longer than this in a row, and for one table. */
const STANDSTILL_MS = 10_000;

/** Bytes of rows that one table may bring from all its shards. Of one shard it is what fits into a batch. */
const TABLE_BYTES = 16 * 1024 * 1024;

export interface SmallTablesOptions extends Pick<SnapshotOptions, 'transport' | 'stream' | 'watch' | 'signal'> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly catalog: StreamCatalog;
  readonly assembler: Assembler;
  readonly delivery: Delivery;
  readonly limits: AssemblerOptions;
  tabletType(): SnapshotOptions['tabletType'];
}

interface ShardRows {
  fields: SnapshotRows['fields'];
  readonly units: GroupUnit[];
  bytes: number;
  rows: number;
}

export class SmallTables {
  readonly #options: SmallTablesOptions;
  /** Tables that turned out to be none for this. Not stored: the next process asks once more. */
  readonly #ordinary = new Set<string>();
  #streamedAt: number;

  constructor(options: SmallTablesOptions) {
    this.#options = options;
    this.#streamedAt = options.clock.monotonic();
  }

  /** The stream's own RPC has just ended: its position stands still from now. */
  streamed(): void {
    this.#streamedAt = this.#options.clock.monotonic();
  }

  suits(table: TableRef): boolean {
    const { assembler, catalog, clock } = this.#options;
    const known = catalog.get(table);
    if (!known?.resumable || this.#ordinary.has(nameOf(table))) return false;
    return clock.monotonic() - this.#streamedAt < STANDSTILL_MS && fitsBeside(assembler.position, table);
  }

  /** The batches of the shards it could be read from. With the others it is left for the stream's own RPC. */
  async *copy(table: TableRef): AsyncGenerator<StreamBatch, void, void> {
    const { assembler, delivery, catalog } = this.#options;
    const source = catalog.get(table);
    // The sink takes its time with the rows after the RPC is closed, and keeps no snapshot waiting.
    for (const rows of source ? await this.#read(source) : []) yield* delivery.handOut(assembler.addSnapshot(rows));
  }

  async #read(table: SourceTable): Promise<SnapshotRows[]> {
    const { assembler, clock, signal, logger, limits, tabletType, ...tools } = this.#options;
    const { position } = assembler;
    const { keyspace, table: name } = table;
    const shards = position.shards.filter((one) => one.keyspace === keyspace);
    const reads = new Map(shards.map(({ shard }): [string, ShardRows] => [shard, { fields: [], units: [], bytes: 0, rows: 0 }]));
    const done: SnapshotRows[] = [];
    const tooLong = new AbortController();
    const cancel = clock.after(STANDSTILL_MS, () => tooLong.abort());
    const ordinary = (why: string): void => {
      this.#ordinary.add(nameOf(table));
      logger.debug({ keyspace, table: name }, `the table is copied with the stream: ${why}`);
    };
    let bytes = 0;
    try {
      const request = { table, shards, reshards: position.reshards };
      const options = { ...tools, clock, tabletType: tabletType(), signal: AbortSignal.any([signal, tooLong.signal]) };
      for await (const part of readSnapshot(request, options)) {
        const read = reads.get(part.shard) as ShardRows;
        if (part.kind === 'fields') read.fields = [...read.fields, ...part.fields];
        else if (part.kind === 'rows') {
          read.units.push(part.unit);
          read.rows += part.changes.length;
          read.bytes += part.unit.bytes;
          bytes += part.unit.bytes;
          if (read.rows > limits.batchChanges || read.bytes > limits.batchBytes || bytes > TABLE_BYTES) {
            ordinary('it is no small one');
            return done;
          }
        } else if (isAtOrAhead(part.gtid, position.gtid(keyspace, part.shard) ?? '')) {
          done.push({ keyspace, table: name, shard: part.shard, gtid: part.gtid, fields: read.fields, units: read.units });
        } else {
          // Changes between the snapshot and the stream's position would never come.
          ordinary(`shard ${part.shard} was read from a tablet behind the stream`);
        }
      }
      if (tooLong.signal.aborted) ordinary('reading it took too long');
    } catch (error) {
      ordinary('it could not be read beside it');
      logger.warn(
        { ...VStreamError.from(error, 'INTERNAL').toJSON() },
        'a table could not be read beside the stream; copying it with the stream',
      );
    } finally {
      cancel();
    }
    return done;
  }
}

const nameOf = ({ keyspace, table }: TableRef): string => `${keyspace}.${table}`;
