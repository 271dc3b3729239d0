/**
 * Rows of a copy come one in a ROW event, and the events differ in nothing but the row: type, table, keyspace, shard and flags around
 * it repeat. Comparing what repeats costs a third of reading it. Layer 1.
 */
import { cursor, readRange, readVarint32, skipField } from './cursor.js';
import { viewOf } from './view.js';

const EVENT = 10;
const TYPE = 0x08;
const ROW = 12;
const ROW_EVENT = 0x2a;
const TABLE_NAME = 10;
/** row_changes of a row event, and `after` of a change. */
const ROW_CHANGES = 18;
const AFTER = 18;

/** Tags and lengths between the parts that repeat, at most. */
const HEAD_BYTES = 14;

/** Bytes that are compared four at a time, the last four overlapping those before them. */
class KnownBytes {
  readonly #view: DataView;
  readonly length: number;

  constructor(bytes: Uint8Array) {
    this.length = bytes.length;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** True when they stand at `at`; the message must reach so far. */
  standAt(message: DataView, at: number): boolean {
    const known = this.#view;
    const { length } = this;
    if (length < 4) {
      for (let index = 0; index < length; index++) if (message.getUint8(at + index) !== known.getUint8(index)) return false;
      return true;
    }
    for (let index = 0; index + 4 <= length; index += 4) if (message.getInt32(at + index) !== known.getInt32(index)) return false;
    return message.getInt32(at + length - 4) === known.getInt32(length - 4);
  }
}

export class CopiedRows {
  /** `table_name` with its tag and length. */
  #name = new KnownBytes(new Uint8Array(0));
  /** Everything after the row to the end of its event, of which `#inner` bytes belong to the row event. */
  #tail = new KnownBytes(new Uint8Array(0));
  #inner = 0;
  /** What `follows` found: the `query.Row`, the row event around it, and the event after this one. */
  start = 0;
  end = 0;
  rowEventBytes = 0;
  next = 0;

  /**
   * Learns from the event at `start..end` that was found to be a copied row, with its row event at `bodyStart..bodyEnd`. False when it
   * is written in another way than the rows of a copy are, or holds more than one row.
   */
  learn(buffer: Buffer, start: number, end: number, bodyStart: number, bodyEnd: number): boolean {
    if (start + 3 >= end || buffer[start] !== TYPE || buffer[start + 1] !== ROW || buffer[start + 2] !== ROW_EVENT) return false;
    if (readRange(buffer, start + 3, end) !== bodyEnd || cursor.at !== bodyStart) return false;
    if (bodyStart >= bodyEnd || buffer[bodyStart] !== TABLE_NAME) return false;
    const nameEnd = readRange(buffer, bodyStart + 1, bodyEnd);
    if (nameEnd >= bodyEnd || buffer[nameEnd] !== ROW_CHANGES) return false;
    const changeEnd = readRange(buffer, nameEnd + 1, bodyEnd);
    const changeStart = cursor.at;
    if (changeStart >= changeEnd || buffer[changeStart] !== AFTER || readRange(buffer, changeStart + 1, changeEnd) !== changeEnd)
      return false;
    let at = changeEnd;
    while (at < bodyEnd) {
      const tag = readVarint32(buffer, at, bodyEnd);
      if (tag === TABLE_NAME || tag === ROW_CHANGES) return false;
      at = skipField(buffer, tag & 7, cursor.at, bodyEnd);
    }
    this.#name = new KnownBytes(Uint8Array.prototype.slice.call(buffer, bodyStart, nameEnd));
    this.#tail = new KnownBytes(Uint8Array.prototype.slice.call(buffer, changeEnd, end));
    this.#inner = bodyEnd - changeEnd;
    return true;
  }

  /**
   * True when the event at `at` is like the one learned: one row of the same table and shard. Anything else, right or wrong, is for
   * the reader of any event, and so are rows of 16 kB and more.
   */
  follows(buffer: Buffer, at: number, end: number): boolean {
    const name = this.#name;
    const tail = this.#tail;
    const message = viewOf(buffer);
    // No read below leaves the message.
    if (at + HEAD_BYTES + name.length + tail.length > end || buffer[at] !== EVENT) return false;
    const next = endOfShort(buffer, at + 1);
    let from = cursor.at;
    if (next > end || buffer[from] !== TYPE || buffer[from + 1] !== ROW || buffer[from + 2] !== ROW_EVENT) return false;
    const rowEventEnd = endOfShort(buffer, from + 3);
    const rowEventStart = cursor.at;
    const rowEnd = rowEventEnd - this.#inner;
    if (rowEnd + tail.length !== next || !name.standAt(message, rowEventStart)) return false;
    from = rowEventStart + name.length;
    if (buffer[from] !== ROW_CHANGES || endOfShort(buffer, from + 1) !== rowEnd || buffer[cursor.at] !== AFTER) return false;
    if (endOfShort(buffer, cursor.at + 1) !== rowEnd || !tail.standAt(message, rowEnd)) return false;
    this.start = cursor.at;
    this.end = rowEnd;
    this.rowEventBytes = rowEventEnd - rowEventStart;
    this.next = next;
    return true;
  }
}

/** The end of what follows a length of one or two bytes at `at`, its start in `cursor.at`; -1 for a longer length. */
function endOfShort(buffer: Buffer, at: number): number {
  const low = buffer[at] as number;
  if (low < 0x80) {
    cursor.at = at + 1;
    return at + 1 + low;
  }
  const high = buffer[at + 1] as number;
  cursor.at = at + 2;
  return high < 0x80 ? at + 2 + ((low & 0x7f) | (high << 7)) : -1;
}
