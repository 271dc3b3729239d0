/** Which versions of tables the consumer was told of, each once. Pure state. Layer 3. */
import type { TableVersion } from '../schema/table.js';
import type { SchemaChange } from './change.js';
import type { FieldNotice } from './tables.js';

export class Announced {
  /** By table, by fingerprint, in order. */
  readonly #versions = new Map<string, Map<string, TableVersion>>();

  /** Undefined when it was told before. */
  take({ ref, to }: FieldNotice, shard: string): SchemaChange | undefined {
    const name = `${ref.keyspace}.${ref.table}`;
    let known = this.#versions.get(name);
    if (!known) this.#versions.set(name, (known = new Map<string, TableVersion>()));
    if (known.has(to.fingerprint)) return undefined;
    const from = [...known.values()].at(-1);
    known.set(to.fingerprint, to);
    return { kind: 'columns', ...ref, shard, from, to, statement: undefined };
  }
}
