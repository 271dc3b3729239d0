/**
 * A binary log of any size that nobody holds in memory: each event makes its rows when a stream reads it. Rows are `ITEM`, with ids
 * from 0 on and a checksum of their own, so that a reader can tell what is lost, doubled or different without asking.
 */
import { crc32 } from 'node:zlib';
import type { RowChange, RowsEvent } from '../../src/embedded/binlog.js';
import { seededRandom } from '../../src/embedded/clock.js';
import type { Engine, TableInput } from '../../src/embedded/engine.js';
import type { TableVersion } from '../../src/embedded/table-store.js';

export const ITEM: TableInput = {
  columns: [
    { name: 'id', type: 'bigint', key: true },
    { name: 'sum', type: 'int unsigned' },
    { name: 'payload', type: 'mediumtext' },
  ],
};

/** Rows of one transaction, and characters of each. */
export interface Shape {
  readonly rows: number;
  readonly size: number;
}

/** Cheap to send: the same bytes in a hundredth of the rows. */
export const LARGE_ROWS: readonly Shape[] = [{ rows: 1, size: 100_000 }];
export const MIXED_ROWS: readonly Shape[] = [
  { rows: 1, size: 100_000 },
  { rows: 400, size: 250 },
  { rows: 20, size: 5_000 },
  { rows: 1_000, size: 100 },
];
/** MySQL closes a rows event at about this size. */
const EVENT_BYTES = 8_000;
const LONGEST = 100_000;

export class Backlog {
  readonly rows: number;
  /** Characters of all payloads. */
  readonly bytes: number;
  readonly #transactions: readonly Shape[];

  /** As many transactions as it takes to hold `bytes`; shapes take turns. */
  constructor(bytes: number, shapes: readonly Shape[]) {
    const transactions: Shape[] = [];
    let [rows, made] = [0, 0];
    while (made < bytes) {
      const shape = shapes[transactions.length % shapes.length] as Shape;
      transactions.push(shape);
      rows += shape.rows;
      made += shape.rows * shape.size;
    }
    this.rows = rows;
    this.bytes = made;
    this.#transactions = transactions;
  }

  /** Commits it on table `item` of a keyspace with one shard. */
  commit(engine: Engine, keyspace: string): void {
    const shard = engine.shard(keyspace);
    const version = shard.tables.get('item')?.version;
    if (!version) throw new Error(`no table item in ${keyspace}`);
    const text = mixedText(seededRandom(1), 2 * LONGEST);
    let first = 0;
    for (const shape of this.#transactions) {
      const events: RowsEvent[] = [];
      for (let left = shape.rows; left > 0; ) {
        const count = Math.min(left, Math.max(1, Math.floor(EVENT_BYTES / shape.size)));
        left -= count;
        events.push(new Inserts(version, text, { first, count, size: shape.size }, left === 0));
        first += count;
      }
      shard.server.append({ keyspace, shard: shard.name, rows: events });
    }
  }
}

interface Run {
  readonly first: number;
  readonly count: number;
  readonly size: number;
}

class Inserts implements RowsEvent {
  readonly version: TableVersion;
  readonly endOfStatement: boolean;
  readonly noblob = false;
  readonly #text: string;
  readonly #run: Run;

  constructor(version: TableVersion, text: string, run: Run, endOfStatement: boolean) {
    this.version = version;
    this.endOfStatement = endOfStatement;
    this.#text = text;
    this.#run = run;
  }

  get changes(): RowChange[] {
    const { first, count, size } = this.#run;
    return Array.from({ length: count }, (_, index) => {
      const id = first + index;
      const start = (id * 7919) % LONGEST;
      const payload = this.#text.slice(start, start + size);
      return { after: [BigInt(id), crc32(payload), payload] };
    });
  }
}

/** Latin letters, and some that take two and three bytes. */
function mixedText(random: () => number, length: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz      0123456789éßж漢';
  return Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('');
}
