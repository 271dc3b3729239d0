/**
 * Compaction of a batch: what is left of a table's changes per key. Pure. Layer 5.
 *
 * The rules of rows that move between shards (design: a delete touches only rows whose stored shard overlaps its own, an
 * upsert takes the row over) hold inside a batch as well, so the result is the same however changes are cut into batches:
 * - identity `key`: an upsert removes the stored row whatever its shard; a delete before any upsert of that key in this batch
 *   removes the stored row of overlapping shards only; a delete after one removes the batch's own row if the shards overlap.
 * - identity `key+shard`: both remove what overlaps.
 */
import type { Cells } from '../../schema/cells.js';
import type { TableVersion } from '../../schema/table.js';
import type { Change } from '../../stream/change.js';
import { shardsOverlap } from '../../position/keyrange.js';
import { keyReader, type KeyReader } from './key.js';

/** A row to write: its cells, and where it came from. */
export interface Row {
  readonly cells: Cells;
  readonly version: TableVersion;
  readonly shard: string;
  readonly generation: number;
  /** Where columns this row lacks are stored, when a partial update changed the key: an image with the key of before. */
  readonly origin?: KeyImage | undefined;
}

/** An image that holds a key. */
export interface KeyImage {
  readonly cells: Cells;
  readonly version: TableVersion;
}

/** What is known of one key at the end of the batch. */
export interface KeyOutcome extends KeyImage {
  /** Remove the stored row of this key from every shard. */
  everywhere: boolean;
  /** Otherwise: from shards that overlap one of these. */
  shards: string[] | undefined;
  /** Rows to write: at most one, or one per disjoint shard with identity `key+shard`. */
  rows: Row[];
}

export class Compactor {
  readonly #identity: 'key' | 'key+shard';
  readonly #outcomes = new Map<string, KeyOutcome>();
  readonly #readers = new Map<TableVersion, KeyReader>();

  constructor(identity: 'key' | 'key+shard') {
    this.#identity = identity;
  }

  get outcomes(): Iterable<KeyOutcome> {
    return this.#outcomes.values();
  }

  add(change: Change): void {
    const { beforeCells, afterCells } = change;
    const key = this.#reader(change.schema);
    if (afterCells === undefined) {
      if (beforeCells !== undefined) this.#delete(key(beforeCells), beforeCells, change);
      return;
    }
    const now = key(afterCells);
    const { schema: version, shard, generation } = change;
    let row: Row = { cells: afterCells, version, shard, generation };
    if (change.op === 'update' && beforeCells !== undefined) {
      const old = key(beforeCells);
      if (old !== now) {
        // An update of the key is a delete of the old key and a new row (B48), which takes over what the update does not carry.
        const last = this.#last(old, shard);
        row = last ? overlay(last, row, { cells: beforeCells, version }) : { ...row, origin: { cells: beforeCells, version } };
        this.#delete(old, beforeCells, change);
      }
    }
    this.#upsert(now, row);
  }

  #last(key: string, shard: string): Row | undefined {
    return this.#outcomes.get(key)?.rows.findLast((one) => this.#identity === 'key' || shardsOverlap(one.shard, shard));
  }

  #reader(version: TableVersion): KeyReader {
    let reader = this.#readers.get(version);
    if (!reader) this.#readers.set(version, (reader = keyReader(version)));
    return reader;
  }

  #upsert(key: string, row: Row): void {
    const { cells, version, shard } = row;
    const outcome = this.#outcomes.get(key);
    if (!outcome) {
      const byKey = this.#identity === 'key';
      this.#outcomes.set(key, { cells, version, everywhere: byKey, shards: byKey ? undefined : [shard], rows: [row] });
      return;
    }
    const last = row.origin ? undefined : this.#last(key, shard);
    if (this.#identity === 'key') {
      outcome.rows = [last ? overlay(last, row) : row];
      outcome.everywhere = true;
      return;
    }
    outcome.rows = outcome.rows.filter((one) => !shardsOverlap(one.shard, shard));
    outcome.rows.push(last ? overlay(last, row) : row);
    addShard(outcome, shard);
  }

  #delete(key: string, cells: Cells, change: Change): void {
    const { shard, schema: version } = change;
    const outcome = this.#outcomes.get(key);
    if (!outcome) {
      this.#outcomes.set(key, { cells, version, everywhere: false, shards: [shard], rows: [] });
      return;
    }
    if (outcome.rows.length > 0) outcome.rows = outcome.rows.filter((one) => !shardsOverlap(one.shard, shard));
    if (!outcome.everywhere) addShard(outcome, shard);
  }
}

function addShard(outcome: KeyOutcome, shard: string): void {
  if (!outcome.shards) outcome.shards = [shard];
  else if (!outcome.shards.includes(shard)) outcome.shards.push(shard);
}

/** The later image over the earlier one: columns absent in the later keep their last present value. */
function overlay(older: Row, newer: Row, origin?: KeyImage): Row {
  if (!hasAbsent(newer.cells)) return newer;
  const position = new Map(older.version.columns.map((column, index) => [column.name, index]));
  const source = newer.version === older.version ? undefined : newer.version.columns.map((column) => position.get(column.name));
  return { ...newer, cells: new OverlaidCells(older.cells, newer.cells, source), origin: older.origin ?? origin };
}

export function hasAbsent(cells: Cells): boolean {
  for (let index = 0; index < cells.count; index++) if (cells.isAbsent(index)) return true;
  return false;
}

class OverlaidCells implements Cells {
  readonly #older: Cells;
  readonly #newer: Cells;
  /** Where the newer image's columns are in the older one, when their versions differ. */
  readonly #source: readonly (number | undefined)[] | undefined;

  constructor(older: Cells, newer: Cells, source: readonly (number | undefined)[] | undefined) {
    this.#older = older;
    this.#newer = newer;
    this.#source = source;
  }

  get count(): number {
    return this.#newer.count;
  }

  #pick<T>(column: number, read: (cells: Cells, index: number) => T): T {
    if (!this.#newer.isAbsent(column)) return read(this.#newer, column);
    const index = this.#source ? this.#source[column] : column;
    return index === undefined ? read(this.#newer, column) : read(this.#older, index);
  }

  isNull(column: number): boolean {
    return this.#pick(column, (cells, index) => cells.isNull(index));
  }
  isAbsent(column: number): boolean {
    return this.#pick(column, (cells, index) => cells.isAbsent(index));
  }
  bytes(column: number): Uint8Array | undefined {
    return this.#pick(column, (cells, index) => cells.bytes(index));
  }
  text(column: number): string | undefined {
    return this.#pick(column, (cells, index) => cells.text(index));
  }
  value(column: number): unknown {
    return this.#pick(column, (cells, index) => cells.value(index));
  }
}
