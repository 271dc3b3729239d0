/** A sink in memory that does what a storing, keyed sink must do, one change at a time: the reference others are held to. Layer 6. */
import { VStreamError } from '../errors.js';
import { must } from '../internal/must.js';
import type { ApplyContext, OpenedSink, Sink, SinkCapabilities, SinkOpenContext } from '../pipeline/sink.js';
import { EVERY_GENERATION, planClear, type PendingClear } from '../position/clears.js';
import { shardsOverlap } from '../position/keyrange.js';
import type { Position } from '../position/position.js';
import type { Cells } from '../schema/cells.js';
import { isInRange, type KeyRange } from '../schema/key-range.js';
import type { TableRef, TableVersion } from '../schema/table.js';
import type { Batch, Change } from '../stream/change.js';

interface StoredRow {
  readonly values: Map<string, unknown>;
  readonly shard: string;
  readonly generation: number;
}

interface StreamState {
  incarnation: string;
  epoch: bigint;
  position: Position | undefined;
}

/**
 * The rows of one table. By key: the versions that disjoint shards hold of it, last written last; the last one is the row, the
 * others come back when what lies over them goes. Of a table without a key: rows as they came.
 */
interface StoredTable {
  readonly keyed: Map<string, readonly StoredRow[]>;
  loose: StoredRow[];
}

/** What several handles share, as processes share a database. Read it by `rows`; the rest is how it is kept. */
export class MemoryDestination {
  readonly tables = new Map<string, StoredTable>();
  readonly streams = new Map<string, StreamState>();
  readonly pending = new Map<string, PendingClear[]>();

  /** The current rows of a table, values as decoded, in no order; [] for one nobody wrote to. */
  rows(table: TableRef): Record<string, unknown>[] {
    const { keyed, loose } = this.tables.get(idOf(table)) ?? { keyed: new Map<string, readonly StoredRow[]>(), loose: [] };
    return [...[...keyed.values()].flatMap((versions) => versions.slice(-1)), ...loose].map((row) => Object.fromEntries(row.values));
  }
}

/** A sink that stores positions, sweeps and evolves, on a destination in memory: of its own unless one is given. */
export function memorySink(destination: MemoryDestination = new MemoryDestination()): Sink {
  return new MemorySink(destination);
}

class MemorySink implements Sink {
  readonly capabilities: SinkCapabilities = { position: 'stored', deletes: true, sweep: true, schema: 'evolve' };
  readonly #destination: MemoryDestination;
  #owner: SinkOpenContext | undefined;
  /** Another life of the stream found at `open`, taken over by the first write. */
  #earlier: StreamState | undefined;

  constructor(destination: MemoryDestination) {
    this.#destination = destination;
  }

  async open(context: SinkOpenContext): Promise<OpenedSink> {
    const { streams } = this.#destination;
    const { name, incarnation, epoch } = context;
    const stored = streams.get(name);
    if (stored?.incarnation === incarnation && stored.epoch > epoch) throw fenced(name);
    this.#owner = context;
    if (!stored) streams.set(name, { incarnation, epoch, position: undefined });
    if (stored?.incarnation === incarnation) stored.epoch = epoch;
    else if (stored) this.#earlier = { ...stored };
    return { position: stored?.position, incarnation: stored?.incarnation ?? incarnation };
  }

  async apply(batch: Batch, context: ApplyContext): Promise<void> {
    const state = this.#write(context);
    for (const change of batch.changes) this.#change(change);
    state.position = batch.position;
  }

  async truncate(table: TableRef, shard: string, context: ApplyContext): Promise<void> {
    this.#write(context);
    this.#clear(table, shard, EVERY_GENERATION);
  }

  async sweep(table: TableRef, shard: string, generation: number, context: ApplyContext): Promise<number> {
    this.#write(context);
    return this.#clear(table, shard, generation);
  }

  async sweepRange(table: TableRef, shard: string, generation: number, range: KeyRange, context: ApplyContext): Promise<number> {
    this.#write(context);
    return this.#clear(table, shard, generation, range);
  }

  async close(): Promise<void> {
    this.#owner = undefined;
  }

  /** The fence: every write begins here. The first one of a new life of the stream takes the destination over. */
  #write({ epoch, signal }: ApplyContext): StreamState {
    const { name, incarnation } = must(this.#owner, 'an open sink');
    if (signal.aborted) throw new VStreamError('ABORTED', 'writing was aborted', { cause: signal.reason });
    const state = must(this.#destination.streams.get(name), 'the state of an open stream');
    const earlier = this.#earlier;
    if (earlier && state.incarnation === earlier.incarnation && state.epoch === earlier.epoch) {
      Object.assign(state, { incarnation, epoch, position: undefined });
      this.#earlier = undefined;
    }
    if (state.incarnation !== incarnation || state.epoch !== epoch) throw fenced(name);
    return state;
  }

  #change(change: Change): void {
    const { schema, shard, generation, beforeCells, afterCells } = change;
    const id = idOf(change);
    const rows: StoredTable = this.#destination.tables.get(id) ?? { keyed: new Map(), loose: [] };
    this.#destination.tables.set(id, rows);
    const pending = this.#destination.pending.get(id);
    if (pending)
      this.#destination.pending.set(
        id,
        pending.filter((one) => one.stored !== shard),
      );
    if (schema.key.length === 0) {
      const image = afterCells ?? must(beforeCells, 'an image');
      rows.loose.push({ values: present(schema, image), shard, generation });
      return;
    }
    const key = afterCells && keyOf(schema, afterCells);
    const old = beforeCells && keyOf(schema, beforeCells);
    const own = (row: StoredRow): boolean => shardsOverlap(row.shard, shard);
    // A shard writes and removes its own versions only: across shards there is no order.
    const source = change.op === 'update' ? rows.keyed.get(old ?? key ?? '')?.findLast(own) : undefined;
    if (old !== undefined && old !== key) drop(rows, old, own);
    if (key === undefined || !afterCells) return;
    drop(rows, key, own);
    const row = { values: new Map([...(source?.values ?? []), ...present(schema, afterCells)]), shard, generation };
    rows.keyed.set(key, [...(rows.keyed.get(key) ?? []), row]);
  }

  #clear(table: TableRef, shard: string, generation: number, range?: KeyRange): number {
    const id = idOf(table);
    const rows = this.#destination.tables.get(id);
    const pending = this.#destination.pending.get(id) ?? [];
    const plan = planClear(shard, generation, new Set(stored(rows).map((row) => row.shard)), pending, range?.where);
    const within = (row: StoredRow): boolean => range === undefined || isInRange(range, Object.fromEntries(row.values));
    let removed = 0;
    for (const one of plan.remove)
      removed += remove(rows, (row) => row.shard === one.stored && row.generation < one.generation && within(row));
    const settled = (one: PendingClear): boolean =>
      plan.remove.some(({ stored }) => stored === one.stored) && (range === undefined || one.range === range.where);
    this.#destination.pending.set(id, [...pending.filter((one) => !settled(one)), ...plan.wait]);
    return removed;
  }
}

function fenced(name: string): VStreamError {
  return new VStreamError('FENCED', `another owner took over the stream ${name}`, { next: 'Let it run, or stop it first.' });
}

const idOf = (table: TableRef): string => `${table.keyspace}.${table.table}`;

function keyOf(version: TableVersion, cells: Cells): string {
  return JSON.stringify(
    version.columns.flatMap((column, index) => (column.key ? [Buffer.from(cells.bytes(index) ?? []).toString('hex')] : [])),
  );
}

function present(version: TableVersion, cells: Cells): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [index, column] of version.columns.entries()) if (!cells.isAbsent(index)) values.set(column.name, cells.value(index));
  return values;
}

/** Every version of every row. */
function stored(table: StoredTable | undefined): StoredRow[] {
  return table ? [...[...table.keyed.values()].flat(), ...table.loose] : [];
}

function drop(table: StoredTable, key: string, doomed: (row: StoredRow) => boolean): void {
  const left = table.keyed.get(key)?.filter((row) => !doomed(row)) ?? [];
  if (left.length > 0) table.keyed.set(key, left);
  else table.keyed.delete(key);
}

function remove(table: StoredTable | undefined, doomed: (row: StoredRow) => boolean): number {
  if (!table) return 0;
  const before = stored(table).length;
  for (const key of [...table.keyed.keys()]) drop(table, key, doomed);
  table.loose = table.loose.filter((row) => !doomed(row));
  return before - stored(table).length;
}
