/**
 * VEvents and responses as bytes. Events are built with the generated code; ROW, the one that comes by the million, is written
 * by hand and proven equal to the generated code by test. A message may be put together from encoded fields: that is what
 * lets a vector be encoded once and sent many times.
 */
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  RowEventSchema,
  ShardGtidSchema,
  TableLastPKSchema,
  VEventSchema,
  VEventType,
  type TableLastPK,
} from '../wire/gen/binlogdata_pb.js';
import type { EncodedRow } from './encode.js';

export interface WireEvent {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** What a tablet sends at once; `end` when VTGate may go on with another shard afterwards. */
export interface Packet {
  readonly events: readonly WireEvent[];
  readonly end: boolean;
}

export function event(init: MessageInitShape<typeof VEventSchema>): WireEvent {
  const message = create(VEventSchema, init);
  return { type: message.type, bytes: toBinary(VEventSchema, message) };
}

/** One VStreamResponse. */
export function response(events: readonly WireEvent[]): Buffer {
  let size = 0;
  for (const { bytes } of events) size += 1 + varintSize(bytes.length) + bytes.length;
  const buffer = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { bytes } of events) {
    buffer[at] = 0x0a;
    at = writeVarint(buffer, at + 1, bytes.length);
    buffer.set(bytes, at);
    at += bytes.length;
  }
  return buffer;
}

/** Position of one shard inside the stream's vector. */
export class VectorEntry {
  readonly keyspace: string;
  readonly shard: string;
  #gtid: string;
  #keys: TableLastPK[];
  #encoded: Uint8Array | undefined;

  constructor(keyspace: string, shard: string, gtid: string, keys: readonly TableLastPK[] = []) {
    this.keyspace = keyspace;
    this.shard = shard;
    this.#gtid = gtid;
    this.#keys = [...keys];
  }

  get gtid(): string {
    return this.#gtid;
  }

  set gtid(gtid: string) {
    this.#gtid = gtid;
    this.#encoded = undefined;
  }

  get keys(): readonly TableLastPK[] {
    return this.#keys;
  }

  /** Replaces the table's entry in its place, or appends one. */
  setKey(tableName: string, lastpk: TableLastPK['lastpk']): void {
    const entry = create(TableLastPKSchema, { tableName, ...(lastpk ? { lastpk } : {}) });
    const at = this.#keys.findIndex((key) => key.tableName === tableName);
    if (at < 0) this.#keys.push(entry);
    else this.#keys[at] = entry;
    this.#encoded = undefined;
  }

  /** Removes the table's entry; the last one takes its place, so the order is not stable (protocol.md B.2). */
  removeKey(tableName: string): void {
    const at = this.#keys.findIndex((key) => key.tableName === tableName);
    if (at < 0) return;
    const last = this.#keys.pop() as TableLastPK;
    if (at < this.#keys.length) this.#keys[at] = last;
    this.#encoded = undefined;
  }

  bytes(): Uint8Array {
    this.#encoded ??= toBinary(
      ShardGtidSchema,
      create(ShardGtidSchema, { keyspace: this.keyspace, shard: this.shard, gtid: this.#gtid, tablePKs: this.#keys }),
    );
    return this.#encoded;
  }
}

/** VGTID with the whole vector: every event of it repeats all shards and all pending entries. */
export function vgtid(vector: readonly VectorEntry[], keyspace: string, shard: string): WireEvent {
  const head = event({ type: VEventType.VGTID, keyspace, shard }).bytes;
  const entries = vector.map((entry) => entry.bytes());
  const size = entries.reduce((sum, bytes) => sum + 1 + varintSize(bytes.length) + bytes.length, 0);
  const buffer = Buffer.allocUnsafe(head.length + 1 + varintSize(size) + size);
  buffer.set(head, 0);
  buffer[head.length] = 0x3a; // VEvent.vgtid
  let at = writeVarint(buffer, head.length + 1, size);
  for (const bytes of entries) {
    buffer[at] = 0x0a; // VGtid.shard_gtids
    at = writeVarint(buffer, at + 1, bytes.length);
    buffer.set(bytes, at);
    at += bytes.length;
  }
  return { type: VEventType.VGTID, bytes: buffer };
}

export interface Bitmap {
  readonly count: number;
  readonly cols: Uint8Array;
}

export interface EncodedChange {
  readonly before?: EncodedRow;
  readonly after?: EncodedRow;
  readonly dataColumns?: Bitmap;
  readonly jsonPartialValues?: Bitmap;
}

/** The encoded fields that all ROW events of one table in one transaction share. */
export interface RowEnvelope {
  /** RowEvent fields before the changes. */
  readonly head: Uint8Array;
  /** RowEvent fields behind them. */
  readonly tail: Uint8Array;
  /** VEvent fields beside `row_event`: times, GTID, keyspace and shard. */
  readonly rest: Uint8Array;
}

export function rowEnvelope(
  names: { tableName: string; keyspace: string; shard: string },
  flags: number,
  internal: boolean,
  rest: Uint8Array,
): RowEnvelope {
  const { tableName, keyspace, shard } = names;
  return {
    head: toBinary(RowEventSchema, create(RowEventSchema, { tableName })),
    tail: toBinary(RowEventSchema, create(RowEventSchema, { keyspace, shard, flags, isInternalTable: internal })),
    rest,
  };
}

/** The VEvent fields a ROW event shares with its transaction. */
export function envelopeFields(init: MessageInitShape<typeof VEventSchema>): Uint8Array {
  return toBinary(VEventSchema, create(VEventSchema, { ...init, type: 0 }));
}

export function rowEvent({ head, tail, rest }: RowEnvelope, changes: readonly EncodedChange[]): WireEvent {
  const sizes = changes.map(changeSize);
  let size = head.length + tail.length;
  for (const one of sizes) size += 1 + varintSize(one) + one;
  const buffer = Buffer.allocUnsafe(3 + varintSize(size) + size + rest.length);
  buffer[0] = 0x08;
  buffer[1] = VEventType.ROW;
  buffer[2] = 0x2a; // VEvent.row_event
  let at = writeVarint(buffer, 3, size);
  buffer.set(head, at);
  at += head.length;
  changes.forEach((change, index) => {
    buffer[at] = 0x12; // RowEvent.row_changes
    at = writeChange(buffer, writeVarint(buffer, at + 1, sizes[index] as number), change);
  });
  buffer.set(tail, at);
  buffer.set(rest, at + tail.length);
  return { type: VEventType.ROW, bytes: buffer };
}

function changeSize(change: EncodedChange): number {
  let size = 0;
  for (const row of [change.before, change.after]) if (row) size += nested(rowSize(row));
  for (const bitmap of [change.dataColumns, change.jsonPartialValues]) if (bitmap) size += nested(bitmapSize(bitmap));
  return size;
}

function writeChange(buffer: Buffer, start: number, change: EncodedChange): number {
  let at = start;
  if (change.before) at = writeRow(buffer, at, 0x0a, change.before);
  if (change.after) at = writeRow(buffer, at, 0x12, change.after);
  if (change.dataColumns) at = writeBitmap(buffer, at, 0x1a, change.dataColumns);
  if (change.jsonPartialValues) at = writeBitmap(buffer, at, 0x22, change.jsonPartialValues);
  return at;
}

function rowSize(row: EncodedRow): number {
  return (row.lengths.length > 0 ? nested(lengthsSize(row.lengths)) : 0) + fieldSize(row.size);
}

function lengthsSize(lengths: readonly number[]): number {
  let size = 0;
  for (const length of lengths) size += length < 0 ? 1 : varintSize(length * 2);
  return size;
}

function writeRow(buffer: Buffer, start: number, tag: number, row: EncodedRow): number {
  buffer[start] = tag;
  let at = writeVarint(buffer, start + 1, rowSize(row));
  if (row.lengths.length > 0) {
    buffer[at] = 0x0a;
    at = writeVarint(buffer, at + 1, lengthsSize(row.lengths));
    for (const length of row.lengths) at = writeVarint(buffer, at, length < 0 ? 1 : length * 2); // zig-zag: -1 is 1
  }
  if (row.size === 0) return at;
  buffer[at] = 0x12;
  at = writeVarint(buffer, at + 1, row.size);
  return at + row.arena.copy(buffer, at, row.start, row.start + row.size);
}

function bitmapSize(bitmap: Bitmap): number {
  return (bitmap.count > 0 ? 1 + varintSize(bitmap.count) : 0) + fieldSize(bitmap.cols.length);
}

function writeBitmap(buffer: Buffer, start: number, tag: number, bitmap: Bitmap): number {
  buffer[start] = tag;
  let at = writeVarint(buffer, start + 1, bitmapSize(bitmap));
  if (bitmap.count > 0) {
    buffer[at] = 0x08;
    at = writeVarint(buffer, at + 1, bitmap.count);
  }
  return writeBytes(buffer, at, 0x12, bitmap.cols);
}

/** Size of a nested message, present even when it is empty. */
function nested(size: number): number {
  return 1 + varintSize(size) + size;
}

/** Size of a bytes or string field, absent when it is empty. */
function fieldSize(length: number): number {
  return length === 0 ? 0 : 1 + varintSize(length) + length;
}

function writeBytes(buffer: Buffer, at: number, tag: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return at;
  buffer[at] = tag;
  const start = writeVarint(buffer, at + 1, bytes.length);
  buffer.set(bytes, start);
  return start + bytes.length;
}

function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest > 0x7f) {
    buffer[at] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 128);
    at += 1;
  }
  buffer[at] = rest;
  return at + 1;
}
