/** Something for each shard, asked for with every event or transaction: found without making a name of keyspace and shard. Layer 0. */

export class ByShard<T> {
  readonly #keyspaces = new Map<string, Map<string, T>>();
  // Shards send many transactions in a row.
  #keyspace: string | undefined;
  #shard: string | undefined;
  #last: T | undefined;

  get(keyspace: string, shard: string): T | undefined {
    if (shard === this.#shard && keyspace === this.#keyspace) return this.#last;
    const found = this.#keyspaces.get(keyspace)?.get(shard);
    if (found === undefined) return undefined;
    this.#keyspace = keyspace;
    this.#shard = shard;
    this.#last = found;
    return found;
  }

  set(keyspace: string, shard: string, value: T): void {
    const shards = this.#keyspaces.get(keyspace);
    if (shards) shards.set(shard, value);
    else this.#keyspaces.set(keyspace, new Map([[shard, value]]));
    this.#shard = undefined;
  }

  delete(keyspace: string, shard: string): void {
    this.#keyspaces.get(keyspace)?.delete(shard);
    this.#shard = undefined;
  }

  clear(): void {
    this.#keyspaces.clear();
    this.#shard = undefined;
  }

  *values(): Generator<T, void, void> {
    for (const shards of this.#keyspaces.values()) yield* shards.values();
  }
}
