/**
 * VStream messages with rows of a shape, cut as a real VTGate cuts them (test/captures: copy/full-copy, shapes/big-tx): in a copy
 * one ROW event a row and about 250 kB of rows between a BEGIN and its COMMIT; in replication 58 changes a ROW event, transactions
 * of 30 such events. Built with the generated code.
 */
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { fieldOf, keyFieldOf, makeColumn } from '../src/embedded/columns.js';
import { type RowChange, type VEvent, type VEventSchema, VEventType } from '../src/wire/gen/binlogdata_pb.js';
import { RowSchema, type Row } from '../src/wire/gen/query_pb.js';
import { VStreamResponseSchema } from '../src/wire/gen/vtgate_pb.js';
import type { Shape } from './shapes.js';

export type Phase = 'copy' | 'replication' | 'updates' | 'small';

export const KEYSPACE = 'bench';
export const SHARD = '0';
const UUID = '8f1a2b3c-0000-11f1-8aaa-02fc00000001';
const PACKET_BYTES = 250_000;
const CHANGES_PER_EVENT = 58;
const EVENTS_PER_TRANSACTION = 30;
/** Distinct messages that are sent again and again: enough that no cache holds them all. */
const DISTINCT_BYTES = 12_000_000;

type Event = Exclude<MessageInitShape<typeof VEventSchema>, VEvent>;

export interface Recorded {
  readonly frames: readonly Uint8Array[];
  readonly rows: number;
  readonly bytes: number;
}

const at = (gtid: string): string => `MySQL56/${gtid}`;
export const START_GTID = at(`${UUID}:1-100`);

/** Messages of one shape and phase; what was built once is sent again. */
export class Recorder {
  readonly #builder: Builder;
  readonly #packets: Packet[] = [];
  #distinct = 0;

  constructor(shape: Shape, phase: Phase) {
    this.#builder = new Builder(shape, phase);
  }

  /** A whole stream with at least this many rows. */
  record(rows: number): Recorded {
    const frames: Uint8Array[] = [...this.#builder.opening()];
    let done = 0;
    for (let turn = 0; done < rows; turn++) {
      const packet = this.#packet(turn);
      frames.push(...packet.frames);
      done += packet.rows;
    }
    frames.push(...this.#builder.closing());
    return { frames, rows: done, bytes: frames.reduce((sum, frame) => sum + frame.length, 0) };
  }

  #packet(turn: number): Packet {
    if (this.#distinct >= DISTINCT_BYTES) return this.#packets[turn % this.#packets.length] as Packet;
    const known = this.#packets[turn];
    if (known) return known;
    const packet = this.#builder.packet();
    this.#packets.push(packet);
    this.#distinct += packet.bytes;
    return packet;
  }
}

interface Packet {
  readonly frames: readonly Uint8Array[];
  readonly rows: number;
  readonly bytes: number;
}

class Builder {
  readonly #shape: Shape;
  readonly #phase: Phase;
  readonly #columns;
  readonly #table: string;
  #nextRow = 0;

  constructor(shape: Shape, phase: Phase) {
    this.#shape = shape;
    this.#phase = phase;
    this.#table = tableName(shape);
    this.#columns = shape.columns.map((one) => makeColumn(one));
  }

  get #copies(): boolean {
    return this.#phase === 'copy';
  }

  /** What comes before the first row. */
  opening(): Uint8Array[] {
    const field: Event = {
      ...this.#times(),
      type: VEventType.FIELD,
      fieldEvent: {
        tableName: `${KEYSPACE}.${this.#table}`,
        fields: this.#columns.map((column) => fieldOf(column, this.#table, `vt_${KEYSPACE}_0`)),
        keyspace: KEYSPACE,
        shard: SHARD,
        enumSetStringValues: true,
      },
    };
    const begin: Event = { ...this.#times(), type: VEventType.BEGIN };
    if (this.#copies) return [message([begin, field]), message([this.#vgtid(undefined)])];
    return [message([begin, field, this.#vgtid(undefined), { ...this.#times(), type: VEventType.COMMIT }])];
  }

  packet(): Packet {
    const frames = this.#copies ? this.#copied() : this.#replicated();
    const rows = frames.rows;
    return { frames: frames.messages, rows, bytes: frames.messages.reduce((sum, one) => sum + one.length, 0) };
  }

  closing(): Uint8Array[] {
    if (!this.#copies) return [];
    const begin: Event = { type: VEventType.BEGIN };
    const end = message([begin, this.#vgtid(undefined), { type: VEventType.COMMIT }]);
    const completed = create(VStreamResponseSchema, {
      events: [{ type: VEventType.COPY_COMPLETED, keyspace: KEYSPACE, shard: SHARD }, { type: VEventType.COPY_COMPLETED }],
    });
    return [end, toBinary(VStreamResponseSchema, completed)];
  }

  #copied(): { messages: Uint8Array[]; rows: number } {
    const events: Event[] = [];
    let last: Row | undefined;
    for (let bytes = 0; bytes < PACKET_BYTES; ) {
      last = this.#row(this.#nextRow++);
      bytes += last.values.length + 2 * this.#columns.length + 50;
      events.push({
        type: VEventType.ROW,
        rowEvent: { tableName: `${KEYSPACE}.${this.#table}`, rowChanges: [{ after: last }], keyspace: KEYSPACE, shard: SHARD },
      });
    }
    const rows = events.length;
    events.push(this.#vgtid(last), { type: VEventType.COMMIT });
    // The BEGIN of the next group follows at once, in a message of its own; the first stands in the opening.
    return { messages: [message(events), message([{ type: VEventType.BEGIN }])], rows };
  }

  #replicated(): { messages: Uint8Array[]; rows: number } {
    const times = this.#times();
    const small = this.#phase === 'small';
    const events: Event[] = [{ ...times, type: VEventType.BEGIN }];
    const from = this.#nextRow;
    const limit = small ? 1 : EVENTS_PER_TRANSACTION;
    for (let event = 0, bytes = 0; event < limit && bytes < PACKET_BYTES * 1.1; event++) {
      const rowChanges: Partial<RowChange>[] = [];
      for (let change = 0; change < (small ? 1 : CHANGES_PER_EVENT) && bytes < PACKET_BYTES * 1.1; change++) {
        const index = this.#nextRow++;
        const after = this.#row(index);
        rowChanges.push(this.#phase === 'updates' ? { before: this.#row(index + 1, index), after } : { after });
        bytes += after.values.length + 2 * this.#columns.length + 8;
      }
      events.push({
        ...times,
        type: VEventType.ROW,
        rowEvent: {
          tableName: `${KEYSPACE}.${this.#table}`,
          rowChanges: rowChanges as RowChange[],
          keyspace: KEYSPACE,
          shard: SHARD,
          flags: 17,
        },
      });
    }
    events.push(this.#vgtid(undefined), { ...times, type: VEventType.COMMIT });
    return { messages: [message(events)], rows: this.#nextRow - from };
  }

  #times(): Event {
    if (this.#copies) return {};
    return {
      timestamp: 1_795_366_863n,
      currentTime: 1_795_366_863_702_879_187n,
      commitParent: 217n,
      sequenceNumber: 236n,
      eventGtid: `${UUID}:${101 + this.#nextRow}`,
    };
  }

  #row(index: number, key = index): Row {
    const cells = this.#shape.cells(index).map((cell, column) => (column === 0 ? this.#shape.cells(key)[0] : cell));
    const bytes = cells.map((cell) => (cell == null ? undefined : Buffer.from(cell)));
    return create(RowSchema, {
      lengths: bytes.map((one) => BigInt(one === undefined ? -1 : one.length)),
      values: Buffer.concat(bytes.filter((one) => one !== undefined)),
    });
  }

  /** With the key of the last row copied, or without: at the start, at the end, and in replication. */
  #vgtid(last: Row | undefined): Event {
    const key = this.#columns.filter((column) => column.key);
    const lengths = last ? key.map((_, column) => last.lengths[column] ?? 0n) : [];
    const size = lengths.reduce((sum, length) => sum + Number(length), 0);
    return {
      ...this.#times(),
      type: VEventType.VGTID,
      vgtid: {
        shardGtids: [
          {
            keyspace: KEYSPACE,
            shard: SHARD,
            gtid: this.#copies ? START_GTID : at(`${UUID}:1-${101 + this.#nextRow}`),
            tablePKs: last
              ? [
                  {
                    tableName: this.#table,
                    lastpk: { fields: key.map(keyFieldOf), rows: [{ lengths, values: last.values.subarray(0, size) }] },
                  },
                ]
              : [],
          },
        ],
      },
    };
  }
}

/** A table for each shape, so that one server serves them all. */
export function tableName(shape: Shape): string {
  return shape.name.toLowerCase();
}

function message(events: readonly Event[]): Uint8Array {
  const named = events.map((event) => ({ ...event, keyspace: KEYSPACE, shard: SHARD }));
  return toBinary(VStreamResponseSchema, create(VStreamResponseSchema, { events: named }));
}
