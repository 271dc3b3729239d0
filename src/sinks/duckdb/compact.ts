/**
 * Compaction of a batch: what is left of a table's changes per key. Pure. Layer 5.
 *
 * Each shard has its own version of a key, as across shards there is no order: an upsert replaces the versions of overlapping
 * shards and lies over the others, a delete removes those of overlapping shards, and the last one written of those that are
 * left is the row. The same holds of what is stored (displaced.ts), so the result does not depend on how changes are cut.
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
  readonly origin: KeyImage | undefined;
  /** Columns are absent: only updates carry partial images. */
  readonly partial: boolean;
  /** The shard of the first change whose absent columns these are: its stored versions complete the row, whoever wrote on top of it. */
  readonly from: string;
}

/** An image that holds a key. */
export interface KeyImage {
  readonly cells: Cells;
  readonly version: TableVersion;
}

/** What is known of one key at the end of the batch. */
export interface KeyOutcome extends KeyImage {
  /** The key as text (key.ts); for a single column other than bytes, its exact value. */
  readonly key: string;
  /** Shards that wrote or removed the key: stored versions of shards that overlap one of them are void. */
  shards: readonly string[];
  /** The version written last of those the batch leaves, if any. */
  row: Row | undefined;
  /** Those of disjoint shards under it, in order. */
  others: Row[] | undefined;
}

export class Compactor {
  readonly #outcomes = new Map<string, KeyOutcome>();
  readonly #readers = new Map<TableVersion, KeyReader>();
  /** One list a shard, for the many keys that only it touched. */
  readonly #alone = new Map<string, readonly string[]>();

  get outcomes(): Iterable<KeyOutcome> {
    return this.#outcomes.values();
  }

  /**
   * Takes a change in. False when what came before has to be written first: a partial update of a key that this batch touched cannot
   * say from here whether a stored row is left to complete it from.
   */
  add(change: Change): boolean {
    const { beforeCells, afterCells } = change;
    const key = this.#reader(change.schema);
    if (afterCells === undefined) {
      if (beforeCells !== undefined) this.#delete(key(beforeCells), beforeCells, change);
      return true;
    }
    const now = key(afterCells);
    const { schema: version, shard, generation } = change;
    if (change.op !== 'update' || beforeCells === undefined) {
      this.#upsert(now, { cells: afterCells, version, shard, generation, origin: undefined, partial: false, from: shard });
      return true;
    }
    const old = key(beforeCells);
    const last = this.#last(old, shard);
    const partial = hasAbsent(afterCells);
    // Whatever shard touched the key: after a reshard a stored version may overlap both it and this one.
    if (partial && !last && this.#outcomes.has(old)) return false;
    const moved = old !== now;
    const origin = moved ? { cells: beforeCells, version } : undefined;
    let row: Row = { cells: afterCells, version, shard, generation, origin, partial, from: shard };
    if (last && partial) row = overlay(last, row);
    // An update of the key is a delete of the old key and a new row (B48), which takes over what the update does not carry.
    if (moved) this.#delete(old, beforeCells, change);
    this.#upsert(now, row);
    return true;
  }

  #last(key: string, shard: string): Row | undefined {
    const outcome = this.#outcomes.get(key);
    if (outcome?.row && shardsOverlap(outcome.row.shard, shard)) return outcome.row;
    return outcome?.others?.findLast((one) => shardsOverlap(one.shard, shard));
  }

  #reader(version: TableVersion): KeyReader {
    let reader = this.#readers.get(version);
    if (!reader) this.#readers.set(version, (reader = keyReader(version)));
    return reader;
  }

  #upsert(key: string, row: Row): void {
    const outcome = this.#touch(key, row, row.shard);
    if (outcome.row) (outcome.others ??= []).push(outcome.row);
    outcome.row = row;
  }

  #delete(key: string, cells: Cells, { shard, schema: version }: Change): void {
    this.#touch(key, { cells, version }, shard);
  }

  /** The outcome of this key without what the shard had written. */
  #touch(key: string, { cells, version }: KeyImage, shard: string): KeyOutcome {
    let outcome = this.#outcomes.get(key);
    if (!outcome) {
      let alone = this.#alone.get(shard);
      if (!alone) this.#alone.set(shard, (alone = [shard]));
      this.#outcomes.set(key, (outcome = { key, cells, version, shards: alone, row: undefined, others: undefined }));
      return outcome;
    }
    if (outcome.row && shardsOverlap(outcome.row.shard, shard)) outcome.row = undefined;
    if (outcome.others) outcome.others = outcome.others.filter((one) => !shardsOverlap(one.shard, shard));
    outcome.row ??= outcome.others?.pop();
    if (!outcome.shards.includes(shard)) outcome.shards = [...outcome.shards, shard];
    return outcome;
  }
}

/** The later image over the earlier one: columns absent in the later keep their last present value. */
function overlay(older: Row, newer: Row): Row {
  const position = new Map(older.version.columns.map((column, index) => [column.name, index]));
  const source = newer.version === older.version ? undefined : newer.version.columns.map((column) => position.get(column.name));
  const cells = new OverlaidCells(older.cells, newer.cells, source);
  // What neither has is stored under the key the older one came from, or else had.
  return { ...newer, cells, origin: older.origin ?? newer.origin, partial: hasAbsent(cells), from: older.from };
}

function hasAbsent(cells: Cells): boolean {
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
