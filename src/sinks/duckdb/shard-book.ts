/** What the file knows of shards: which ones rows are stored under, and which clears wait. A cache of two small tables. Layer 5. */
import type { TableRef } from '../../schema/table.js';
import type { PendingClear } from '../../position/clears.js';
import type { Connection } from './driver.js';

export class ShardBook {
  readonly #connection: Connection;
  readonly #stream: string;
  #shards: Map<string, Set<string>> | undefined;
  #pending = new Map<string, readonly PendingClear[]>();

  constructor(connection: Connection, stream: string) {
    this.#connection = connection;
    this.#stream = stream;
  }

  /** After a rollback: read again at the next transaction. */
  forget(): void {
    this.#shards = undefined;
  }

  async load(): Promise<void> {
    if (this.#shards) return;
    const shards = new Map<string, Set<string>>();
    const pending = new Map<string, readonly PendingClear[]>();
    const known = await this.#connection.runAndReadAll('select keyspace, shard from main._vstream_shards where stream = $1', [
      this.#stream,
    ]);
    for (const [keyspace, shard] of known.getRows()) setOf(shards, String(keyspace)).add(String(shard));
    const waiting = await this.#connection.runAndReadAll(
      'select keyspace, source_table, stored, shard, generation, key_range from main._vstream_clears where stream = $1',
      [this.#stream],
    );
    for (const [keyspace, table, stored, shard, generation, range] of waiting.getRows()) {
      const id = idOf({ keyspace: String(keyspace), table: String(table) });
      const clear = { stored: String(stored), shard: String(shard), generation: Number(generation) };
      pending.set(id, [...(pending.get(id) ?? []), typeof range === 'string' ? { ...clear, range } : clear]);
    }
    this.#shards = shards;
    this.#pending = pending;
  }

  /** Every shard rows of the keyspace may be stored under. */
  shards(keyspace: string): ReadonlySet<string> {
    return setOf((this.#shards ??= new Map<string, Set<string>>()), keyspace);
  }

  pending(table: TableRef): readonly PendingClear[] {
    return this.#pending.get(idOf(table)) ?? [];
  }

  /** Rows of the table are about to be stored under this shard: what waited for rows stored under it earlier is void. */
  async see(table: TableRef, shard: string): Promise<void> {
    const shards = setOf((this.#shards ??= new Map<string, Set<string>>()), table.keyspace);
    if (!shards.has(shard)) {
      await this.#connection.run('insert into main._vstream_shards values ($1, $2, $3)', [this.#stream, table.keyspace, shard]);
      shards.add(shard);
    }
    if (this.pending(table).some((one) => one.stored === shard)) await this.settle(table, shard);
  }

  async wait(table: TableRef, clear: PendingClear): Promise<void> {
    const isSame = (one: PendingClear): boolean => one.stored === clear.stored && one.shard === clear.shard && one.range === clear.range;
    await this.#write(table, [...this.pending(table).filter((one) => !isSame(one)), clear]);
  }

  /** Nothing waits any more for rows stored under this shard, or (`range`) for those of them in the range. */
  async settle(table: TableRef, stored: string, range?: string): Promise<void> {
    const pending = this.pending(table);
    const left = pending.filter((one) => one.stored !== stored || (range !== undefined && one.range !== range));
    if (left.length < pending.length) await this.#write(table, left);
  }

  /** Seldom, and a few rows. */
  async #write(table: TableRef, pending: readonly PendingClear[]): Promise<void> {
    const names = [this.#stream, table.keyspace, table.table];
    await this.#connection.run('delete from main._vstream_clears where stream = $1 and keyspace = $2 and source_table = $3', names);
    for (const { stored, shard, generation, range } of pending) {
      await this.#connection.run(
        `insert into main._vstream_clears (stream, keyspace, source_table, stored, shard, generation, key_range)
         values ($1, $2, $3, $4, $5, $6, $7)`,
        [...names, stored, shard, generation, range ?? null],
      );
    }
    this.#pending.set(idOf(table), pending);
  }
}

const idOf = (table: TableRef): string => `${table.keyspace}\u0000${table.table}`;

function setOf(map: Map<string, Set<string>>, key: string): Set<string> {
  let set = map.get(key);
  if (!set) map.set(key, (set = new Set()));
  return set;
}
