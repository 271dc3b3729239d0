/** What the file knows of shards: which ones rows are stored under, and which clears wait. A cache of two small tables. Layer 5. */
import type { TableRef } from '../../schema/table.js';
import type { PendingClear } from '../../position/clears.js';
import type { Connection } from './driver.js';

export class ShardBook {
  readonly #connection: Connection;
  readonly #stream: string;
  #shards: Map<string, Set<string>> | undefined;
  #pending = new Map<string, PendingClear[]>();

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
    const pending = new Map<string, PendingClear[]>();
    const known = await this.#connection.runAndReadAll('select keyspace, shard from main._vstream_shards where stream = $1', [
      this.#stream,
    ]);
    for (const [keyspace, shard] of known.getRows()) setOf(shards, String(keyspace)).add(String(shard));
    const waiting = await this.#connection.runAndReadAll(
      'select keyspace, source_table, stored, shard, generation from main._vstream_clears where stream = $1',
      [this.#stream],
    );
    for (const [keyspace, table, stored, shard, generation] of waiting.getRows()) {
      const id = idOf({ keyspace: String(keyspace), table: String(table) });
      pending.set(id, [...(pending.get(id) ?? []), { stored: String(stored), shard: String(shard), generation: Number(generation) }]);
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
    const others = this.pending(table).filter((one) => one.stored !== clear.stored || one.shard !== clear.shard);
    await this.#connection.run(
      'delete from main._vstream_clears where stream = $1 and keyspace = $2 and source_table = $3 and stored = $4 and shard = $5',
      [this.#stream, table.keyspace, table.table, clear.stored, clear.shard],
    );
    await this.#connection.run('insert into main._vstream_clears values ($1, $2, $3, $4, $5, $6)', [
      this.#stream,
      table.keyspace,
      table.table,
      clear.stored,
      clear.shard,
      clear.generation,
    ]);
    this.#pending.set(idOf(table), [...others, clear]);
  }

  /** Nothing waits any more for rows stored under this shard. */
  async settle(table: TableRef, stored: string): Promise<void> {
    const pending = this.pending(table);
    if (!pending.some((one) => one.stored === stored)) return;
    await this.#connection.run(
      'delete from main._vstream_clears where stream = $1 and keyspace = $2 and source_table = $3 and stored = $4',
      [this.#stream, table.keyspace, table.table, stored],
    );
    this.#pending.set(
      idOf(table),
      pending.filter((one) => one.stored !== stored),
    );
  }
}

const idOf = (table: TableRef): string => `${table.keyspace}\u0000${table.table}`;

function setOf(map: Map<string, Set<string>>, key: string): Set<string> {
  let set = map.get(key);
  if (!set) map.set(key, (set = new Set()));
  return set;
}
