/** Changes and batches made by hand, for tests of sinks and handlers. Layer 6. */
import { Position } from '../position/position.js';
import { bitValue } from '../schema/binary.js';
import type { Cells } from '../schema/cells.js';
import { columnTypeOf, type Kind } from '../schema/mysql-type.js';
import type { Column, TableVersion } from '../schema/table.js';
import type { Key, Row } from '../schema/values.js';
import type { Batch, Change, Op, Phase, SchemaChange, Transaction } from '../stream/change.js';
import { toJson } from '../internal/json.js';
import { declaredType } from './declared-type.js';

/**
 * A table as the stream would describe it: `tableVersion('shop.orders', { id: 'bigint key', note: 'varchar(50)' })`. A declared
 * type ending in ` key` makes the column part of the primary key.
 */
export function tableVersion(name: string, columns: Readonly<Record<string, string>>, version = 1): TableVersion {
  const [keyspace, table] = name.split('.') as [string, string];
  const list: Column[] = Object.entries(columns).map(([column, declared]) => {
    const key = declared.endsWith(' key');
    const columnType = declared.replace(/ key$/, '');
    const { type, charset, flags } = declaredType(columnType);
    return {
      name: column,
      type,
      columnType,
      charset,
      length: 0,
      decimals: 0,
      flags: flags | (key ? 3 : 0),
      nullable: !key,
      key,
    };
  });
  return {
    keyspace,
    table,
    version,
    columns: list,
    key: list.filter((column) => column.key).map((column) => column.name),
    fingerprint: JSON.stringify(list.map((column) => [column.name, column.columnType, column.key])),
  };
}

/** One row as the stream would give it: properties missing in `row` are absent columns (a partial image). */
class RowCells implements Cells {
  readonly #values: readonly unknown[];
  readonly #kinds: readonly Kind[];

  constructor(version: TableVersion, row: Row) {
    this.#kinds = version.columns.map((column) => columnTypeOf(column).kind);
    this.#values = version.columns.map((column) => row[column.name]);
  }

  get count(): number {
    return this.#values.length;
  }
  isNull(column: number): boolean {
    return this.#values[column] === null;
  }
  isAbsent(column: number): boolean {
    return this.#values[column] === undefined;
  }
  bytes(column: number): Uint8Array | undefined {
    const value = this.#values[column];
    if (value instanceof Uint8Array) return value;
    if (value instanceof Float32Array) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    const text = this.text(column);
    return text === undefined ? undefined : Buffer.from(text, 'utf8');
  }
  text(column: number): string | undefined {
    const value = this.#values[column];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string') return value;
    if (value instanceof Uint8Array) {
      // As the decoder's cells say it: digits of a BIT, base64 of other bytes.
      if (this.#kinds[column] === 'bit') return String(bitValue(Buffer.from(value), 0, value.length));
      return Buffer.from(value).toString('base64');
    }
    return typeof value === 'object' ? toJson(value) : String(value);
  }
  value(column: number): unknown {
    return this.#values[column];
  }
}

/** A change as a test writes it. Defaults: generation 1, ordinal 0, no GTID or time, phase `copy` of a copied row and else `live`. */
export interface ChangeSpec {
  readonly op: Op;
  readonly version: TableVersion;
  readonly shard: string;
  /** `after` for everything but deletes, `before` for updates and deletes. */
  readonly after?: Row | undefined;
  readonly before?: Row | undefined;
  readonly generation?: number | undefined;
  readonly gtid?: string | undefined;
  readonly ordinal?: number | undefined;
  readonly commitTime?: number | undefined;
  readonly phase?: Phase | undefined;
  readonly sequence?: readonly [number, bigint, number] | undefined;
}

/** One change, with cells. Properties missing in a row are absent columns. */
export function makeChange(spec: ChangeSpec): Change {
  const { op, version, shard } = spec;
  const row = spec.after ?? spec.before ?? {};
  const key: Key | undefined = version.key.length === 0 ? undefined : Object.fromEntries(version.key.map((name) => [name, row[name]]));
  return {
    op,
    table: version.table,
    keyspace: version.keyspace,
    shard,
    key,
    schema: version,
    generation: spec.generation ?? 1,
    gtid: spec.gtid,
    ordinal: spec.ordinal ?? 0,
    commitTime: spec.commitTime,
    phase: spec.phase ?? (op === 'copy' ? 'copy' : 'live'),
    sequence: spec.sequence ?? [0, 0n, spec.ordinal ?? 0],
    before: spec.before,
    after: spec.after,
    beforeCells: spec.before && new RowCells(version, spec.before),
    afterCells: spec.after && new RowCells(version, spec.after),
  } as Change;
}

const UUID = '00000000-0000-4000-8000-000000000001';

/** Makes batches in a row; every one has the next position. `shards` are those of the position, `['0']` by default. */
export class BatchBuilder {
  readonly #keyspace: string;
  readonly #shards: readonly string[];
  #transaction = 0;

  constructor(keyspace: string, shards: readonly string[] = ['0']) {
    this.#keyspace = keyspace;
    this.#shards = shards;
  }

  /** The position after the last batch. */
  get position(): Position {
    return new Position(this.#shards.map((shard) => ({ keyspace: this.#keyspace, shard, gtid: `MySQL56/${UUID}:1-${this.#transaction}` })));
  }

  /** Copied rows of one table and shard. */
  copy(version: TableVersion, shard: string, rows: readonly Row[], generation = 1): Batch {
    this.#transaction++;
    const changes = rows.map((after, ordinal) => makeChange({ op: 'copy', version, shard, after, generation, ordinal }));
    return this.#batch('copy', changes, [], { copy: { keyspace: version.keyspace, table: version.table, shard, generation } });
  }

  /** Each list is one transaction; the shard of its first change is the transaction's. */
  transactions(...lists: readonly (readonly Omit<ChangeSpec, 'gtid' | 'ordinal'>[])[]): Batch {
    const transactions: Transaction[] = lists.map((list) => {
      const gtid = `${UUID}:${++this.#transaction}`;
      const commitTime = 1_700_000_000 + this.#transaction;
      const changes = list.map((spec, ordinal) =>
        makeChange({ commitTime, ...spec, gtid, ordinal, sequence: [0, BigInt(this.#transaction), ordinal] }),
      );
      return { keyspace: this.#keyspace, shard: list[0]?.shard ?? this.#shards[0] ?? '0', gtid, commitTime, changes };
    });
    return this.#batch(
      'transactions',
      transactions.flatMap((one) => one.changes),
      transactions,
      {},
    );
  }

  /** A batch whose changes are given: for replays cut differently. */
  replay(changes: readonly Change[]): Batch {
    return this.#batch('transactions', changes, [], {});
  }

  /** A statement, or new columns as `columnsChange` makes them. */
  schema(change: SchemaChange): Batch {
    this.#transaction++;
    return this.#batch('schema', [], [], { schema: change });
  }

  /** A position that moved without rows. */
  progress(): Batch {
    this.#transaction++;
    return this.#batch('progress', [], [], { progress: { type: 'position' } });
  }

  #batch(kind: Batch['kind'], changes: readonly Change[], transactions: readonly Transaction[], more: Partial<Batch>): Batch {
    const batch = {
      kind,
      changes,
      transactions,
      of: (table: string) => changes.filter((one) => one.table === table || `${one.keyspace}.${one.table}` === table),
      position: this.position,
      bytes: changes.length * 100,
      ...more,
    };
    return batch;
  }
}

/** New columns of a table; without `from` its first sight. */
export function columnsChange(to: TableVersion, shard: string, from?: TableVersion): SchemaChange {
  return { kind: 'columns', keyspace: to.keyspace, table: to.table, shard, from, to, statement: undefined };
}
