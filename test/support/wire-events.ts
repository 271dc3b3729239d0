/** VStream events by hand, for tests of the stream's state machine: written short, encoded by the generated code. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { TableLastPKSchema, type VEventSchema, VEventType } from '../../src/wire/gen/binlogdata_pb.js';
import { RowSchema } from '../../src/wire/gen/query_pb.js';
import { VStreamResponseSchema } from '../../src/wire/gen/vtgate_pb.js';
import { fieldOf, type FieldSpec, rowBytes } from './rows.js';

export type WireEvent = MessageInitShape<typeof VEventSchema>;

/** `id` is the key, `v` any text. */
export const COLUMNS: readonly FieldSpec[] = [
  { name: 'id', type: 'INT64', columnType: 'bigint', flags: 3 },
  { name: 'v', type: 'VARCHAR', columnType: 'varchar(40)', charset: 255 },
];

export interface Pending {
  readonly table: string;
  /** Last key; without one the copy has not begun. */
  readonly key?: number;
}

export interface VectorEntry {
  readonly keyspace?: string;
  readonly shard: string;
  readonly gtid: string;
  readonly pending?: readonly Pending[];
}

export interface RowSpec {
  readonly before?: readonly (string | null)[];
  readonly after?: readonly (string | null)[];
}

/** The events of one shard. `time` 0 makes those of a copy. */
export class ShardEvents {
  readonly keyspace: string;
  readonly shard: string;

  readonly #prefix: string;

  /** `prefix` stands before table names; '' as with `exclude_keyspace_from_table_name`. */
  constructor(shard: string, keyspace = 'commerce', prefix = `${keyspace}.`) {
    this.shard = shard;
    this.keyspace = keyspace;
    this.#prefix = prefix;
  }

  #event(type: number, time: number, gtid: string | undefined, rest: Partial<WireEvent> = {}): WireEvent {
    const { keyspace, shard } = this;
    const times = time === 0 ? {} : { timestamp: BigInt(time), currentTime: BigInt(time) * 1_000_000_000n + 250_000_000n };
    return { type, keyspace, shard, ...times, ...(gtid === undefined ? {} : { eventGtid: gtid }), ...rest } as WireEvent;
  }

  begin(time = 0, gtid?: string): WireEvent {
    return this.#event(VEventType.BEGIN, time, gtid);
  }

  commit(time = 0, gtid?: string): WireEvent {
    return this.#event(VEventType.COMMIT, time, gtid);
  }

  rollback(time = 0): WireEvent {
    return this.#event(VEventType.ROLLBACK, time, undefined);
  }

  ddl(statement: string, time = 0, gtid?: string): WireEvent {
    return this.#event(VEventType.DDL, time, gtid, { statement });
  }

  other(time = 0): WireEvent {
    return this.#event(VEventType.OTHER, time, undefined);
  }

  journal(): WireEvent {
    return this.#event(VEventType.JOURNAL, 0, undefined, { journal: { id: 1n } });
  }

  copyCompleted(): WireEvent {
    return this.#event(VEventType.COPY_COMPLETED, 0, undefined);
  }

  /** Any type, also one that does not exist yet. */
  unknown(type: number): WireEvent {
    return this.#event(type, 0, undefined);
  }

  field(table: string, time = 0, columns: readonly FieldSpec[] = COLUMNS, internal = false): WireEvent {
    return this.#event(VEventType.FIELD, time, undefined, {
      fieldEvent: {
        tableName: `${this.#prefix}${table}`,
        fields: columns.map(fieldOf),
        enumSetStringValues: true,
        isInternalTable: internal,
      },
    });
  }

  row(table: string, rows: readonly RowSpec[], time = 0, gtid?: string, internal = false): WireEvent {
    const image = (cells: readonly (string | null)[] | undefined) => (cells ? fromBinary(RowSchema, rowBytes(cells)) : undefined);
    return this.#event(VEventType.ROW, time, gtid, {
      rowEvent: {
        tableName: `${this.#prefix}${table}`,
        rowChanges: rows.map(({ before, after }) => {
          const [b, a] = [image(before), image(after)];
          return { ...(b ? { before: b } : {}), ...(a ? { after: a } : {}) };
        }),
        isInternalTable: internal,
      },
    });
  }

  /** As on the wire: no time and no GTID of its own (G26). */
  vgtid(entries: readonly VectorEntry[]): WireEvent {
    return this.#event(VEventType.VGTID, 0, undefined, {
      vgtid: {
        shardGtids: entries.map(({ keyspace = this.keyspace, shard, gtid, pending = [] }) => ({
          keyspace,
          shard,
          gtid,
          tablePKs: pending.map((one) => fromBinary(TableLastPKSchema, lastPk(one))),
        })),
      },
    });
  }
}

/** The `TableLastPK` message of a table under way. */
export function lastPk({ table, key }: Pending): Buffer {
  const lastpk =
    key === undefined
      ? {}
      : { lastpk: { fields: [fieldOf(COLUMNS[0] as FieldSpec)], rows: [fromBinary(RowSchema, rowBytes([String(key)]))] } };
  return Buffer.from(toBinary(TableLastPKSchema, create(TableLastPKSchema, { tableName: table, ...lastpk })));
}

/** VTGate's own heartbeat, which names no shard. */
export const heartbeat = (time = 1): WireEvent => ({
  type: VEventType.HEARTBEAT,
  timestamp: BigInt(time),
  currentTime: BigInt(time) * 1_000_000_000n,
});

/** The end of all copies, which may never come (G49). */
export const finalCopyCompleted = (): WireEvent => ({ type: VEventType.COPY_COMPLETED });

/** One VStreamResponse. */
export function response(...events: readonly WireEvent[]): Buffer {
  return Buffer.from(toBinary(VStreamResponseSchema, create(VStreamResponseSchema, { events: [...events] })));
}
