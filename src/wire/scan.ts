/**
 * Walks a VStreamResponse without building objects for its rows. Layer 1.
 *
 * ROW events carry nearly all bytes and are handed out as offsets; everything else is rare and goes through the generated code.
 * Field numbers are wire facts (binlogdata.proto): VEvent 1 type, 2 timestamp, 4 statement, 5 row_event, 6 field_event, 7 vgtid,
 * 8 journal, 20 current_time, 22 keyspace, 23 shard, 28 event_gtid; RowEvent 1 table_name, 2 row_changes, 6 is_internal_table;
 * RowChange 1 before, 2 after, 3 data_columns, 4 json_partial_values.
 */
import { CopiedRows } from './copied-rows.js';
import { cursor, malformed, readRange, readVarint32, readVarintNumber, skipField } from './cursor.js';
import { RepeatedBytes, RepeatedName } from './names.js';

/** One event as found: reused between events, so a visitor copies what it keeps. Ranges are -1 when absent. */
export class EventView {
  buffer: Buffer = Buffer.alloc(0);
  type = 0;
  /** Seconds; 0 in the copy phase and on VGTID events (G58). */
  timestamp = 0;
  /** Nanoseconds divided by 1e6: milliseconds of the source tablet's clock, 0 when absent. */
  currentTimeMs = 0;
  keyspace = '';
  shard = '';
  /** Range of the type's own message (row_event, field_event, vgtid, journal) or of the statement. */
  bodyStart = -1;
  bodyEnd = -1;
  gtidStart = -1;
  gtidEnd = -1;
  throttled = false;

  /** `event_gtid`, the transaction's own GTID (v23+), or undefined. */
  gtid(): string | undefined {
    return this.gtidStart < 0 ? undefined : this.buffer.toString('latin1', this.gtidStart, this.gtidEnd);
  }

  bodyText(): string {
    return this.bodyStart < 0 ? '' : this.buffer.toString('utf8', this.bodyStart, this.bodyEnd);
  }

  body(): Buffer {
    return this.bodyStart < 0 ? Buffer.alloc(0) : this.buffer.subarray(this.bodyStart, this.bodyEnd);
  }
}

const BODY_FIELD: Readonly<Record<number, number>> = { 5: 4, 12: 5, 13: 6, 15: 7, 16: 8, 22: 4 };

/** Takes a `query.Row` of the same table and shard as the copied row seen last; `rowEventBytes` is the length of its row event. */
export type TakeCopiedRow = (buffer: Buffer, start: number, end: number, rowEventBytes: number) => void;

/** One scanner per stream: it remembers what repeats. */
export class ResponseScanner {
  readonly #view = new EventView();
  readonly #copied = new CopiedRows();
  readonly #keyspace = new RepeatedName();
  readonly #shard = new RepeatedName();
  /**
   * Calls `visit` for each event in order. The view is only valid during the call. Where it answered a copied row with true, rows
   * like it that follow at once go to `takeCopied` instead.
   */
  scan(buffer: Buffer, visit: (event: EventView) => boolean, takeCopied: TakeCopiedRow): void {
    const copied = this.#copied;
    const view = this.#view;
    const end = buffer.length;
    let at = 0;
    let inCopy = false;
    while (at < end) {
      if (inCopy && copied.follows(buffer, at, end)) {
        takeCopied(buffer, copied.start, copied.end, copied.rowEventBytes);
        at = copied.next;
        continue;
      }
      const tag = readVarint32(buffer, at, end);
      if (tag === 10) {
        const stop = readRange(buffer, cursor.at, end);
        const start = cursor.at;
        this.#readEvent(buffer, start, stop);
        inCopy = visit(view) && copied.learn(buffer, start, stop, view.bodyStart, view.bodyEnd);
        at = stop;
      } else {
        at = skipField(buffer, tag & 7, cursor.at, end);
      }
    }
  }

  #readEvent(buffer: Buffer, start: number, end: number): void {
    const view = this.#view;
    view.buffer = buffer;
    view.type = 0;
    view.timestamp = 0;
    view.currentTimeMs = 0;
    view.keyspace = '';
    view.shard = '';
    view.bodyStart = -1;
    view.bodyEnd = -1;
    view.gtidStart = -1;
    view.gtidEnd = -1;
    view.throttled = false;
    let early = false;
    let at = start;
    while (at < end) {
      const tag = readVarint32(buffer, at, end);
      const field = tag >>> 3;
      const wireType = tag & 7;
      at = cursor.at;
      if (wireType === 2) {
        const stop = readRange(buffer, at, end);
        const from = cursor.at;
        if (field === 22) view.keyspace = this.#keyspace.read(buffer, from, stop);
        else if (field === 23) view.shard = this.#shard.read(buffer, from, stop);
        else if (field === 28) {
          view.gtidStart = from;
          view.gtidEnd = stop;
        } else if (field >= 4 && field <= 8) {
          if (view.type === 0) early = true;
          else if (field === BODY_FIELD[view.type]) {
            view.bodyStart = from;
            view.bodyEnd = stop;
          }
        }
        at = stop;
      } else if (wireType === 0) {
        if (field === 1) view.type = readVarint32(buffer, at, end);
        else if (field === 2) view.timestamp = readVarintNumber(buffer, at, end);
        else if (field === 20) view.currentTimeMs = readVarintNumber(buffer, at, end) / 1e6;
        else if (field === 24) view.throttled = readVarint32(buffer, at, end) !== 0;
        else cursor.at = skipField(buffer, 0, at, end);
        at = cursor.at;
      } else {
        at = skipField(buffer, wireType, at, end);
      }
    }
    if (early && view.type !== 0) this.#findBody(buffer, start, end);
  }

  /** Servers write the type first; the format allows it anywhere. */
  #findBody(buffer: Buffer, start: number, end: number): void {
    const view = this.#view;
    const wanted = BODY_FIELD[view.type];
    let at = start;
    while (at < end) {
      const tag = readVarint32(buffer, at, end);
      at = cursor.at;
      if ((tag & 7) === 2 && tag >>> 3 === wanted) {
        view.bodyEnd = readRange(buffer, at, end);
        view.bodyStart = cursor.at;
        at = view.bodyEnd;
      } else {
        at = skipField(buffer, tag & 7, at, end);
      }
    }
  }
}

/** Receives the parts of a ROW event. Ranges are -1 when absent; a bitmap range covers the `Bitmap` message. */
export interface RowEventVisitor {
  /** Once, before the rows; false skips them. */
  rowTable(buffer: Buffer, nameStart: number, nameEnd: number, internal: boolean): boolean;
  rowChange(
    buffer: Buffer,
    beforeStart: number,
    beforeEnd: number,
    afterStart: number,
    afterEnd: number,
    dataColumnsStart: number,
    dataColumnsEnd: number,
    jsonPartialStart: number,
    jsonPartialEnd: number,
  ): void;
}

/** What follows the rows of a ROW event: keyspace, shard, flags, and whether the table is Vitess's own. The same for all of a table. */
const rowEventTail = new RepeatedBytes();
let tailInternal = false;

/** Walks the RowEvent at [start, end): name, rows, then the rest, as every server sends it, or in any other order. */
export function scanRowEvent(buffer: Buffer, start: number, end: number, visitor: RowEventVisitor): void {
  if (start < 0) return;
  if (start >= end || buffer[start] !== 10) return scanAnyRowEvent(buffer, start, end, visitor);
  const nameEnd = readRange(buffer, start + 1, end);
  const nameStart = cursor.at;
  let at = nameEnd;
  while (at < end && buffer[at] === 18) at = readRange(buffer, at + 1, end);
  const rowsEnd = at;
  if (!rowEventTail.equals(buffer, rowsEnd, end)) {
    let internal = false;
    while (at < end) {
      const tag = readVarint32(buffer, at, end);
      at = cursor.at;
      if (tag === 10 || tag === 18) return scanAnyRowEvent(buffer, start, end, visitor);
      if (tag === 48) internal = readVarint32(buffer, at, end) !== 0;
      at = skipField(buffer, tag & 7, at, end);
    }
    rowEventTail.remember(buffer, rowsEnd, end);
    tailInternal = internal;
  }
  if (!visitor.rowTable(buffer, nameStart, nameEnd, tailInternal)) return;
  at = nameEnd;
  while (at < rowsEnd) {
    const stop = readRange(buffer, at + 1, rowsEnd);
    scanRowChange(buffer, cursor.at, stop, visitor);
    at = stop;
  }
}

/** Fields in any order: the name is looked for before the rows. */
function scanAnyRowEvent(buffer: Buffer, start: number, end: number, visitor: RowEventVisitor): void {
  let nameStart = -1;
  let nameEnd = -1;
  let internal = false;
  let firstChange = -1;
  let at = start;
  while (at < end) {
    const tagStart = at;
    const tag = readVarint32(buffer, at, end);
    at = cursor.at;
    if (tag === 10) {
      nameEnd = readRange(buffer, at, end);
      nameStart = cursor.at;
      at = nameEnd;
    } else if (tag === 48) {
      internal = readVarint32(buffer, at, end) !== 0;
      at = cursor.at;
    } else {
      if (tag === 18 && firstChange < 0) firstChange = tagStart;
      at = skipField(buffer, tag & 7, at, end);
    }
  }
  if (nameStart < 0) throw malformed('a row event names no table');
  if (!visitor.rowTable(buffer, nameStart, nameEnd, internal) || firstChange < 0) return;
  at = firstChange;
  while (at < end) {
    const tag = readVarint32(buffer, at, end);
    at = cursor.at;
    if (tag === 18) {
      const stop = readRange(buffer, at, end);
      scanRowChange(buffer, cursor.at, stop, visitor);
      at = stop;
    } else {
      at = skipField(buffer, tag & 7, at, end);
    }
  }
}

function scanRowChange(buffer: Buffer, start: number, end: number, visitor: RowEventVisitor): void {
  // A row after the change and nothing else: a copied row, an insert.
  if (start < end && buffer[start] === 18) {
    const stop = readRange(buffer, start + 1, end);
    if (stop === end) {
      visitor.rowChange(buffer, -1, -1, cursor.at, end, -1, -1, -1, -1);
      return;
    }
  }
  let beforeStart = -1;
  let beforeEnd = -1;
  let afterStart = -1;
  let afterEnd = -1;
  let dataStart = -1;
  let dataEnd = -1;
  let jsonStart = -1;
  let jsonEnd = -1;
  let at = start;
  while (at < end) {
    const tag = readVarint32(buffer, at, end);
    at = cursor.at;
    if ((tag & 7) !== 2) {
      at = skipField(buffer, tag & 7, at, end);
      continue;
    }
    const stop = readRange(buffer, at, end);
    const from = cursor.at;
    if (tag === 18) {
      afterStart = from;
      afterEnd = stop;
    } else if (tag === 10) {
      beforeStart = from;
      beforeEnd = stop;
    } else if (tag === 26) {
      dataStart = from;
      dataEnd = stop;
    } else if (tag === 34) {
      jsonStart = from;
      jsonEnd = stop;
    }
    at = stop;
  }
  visitor.rowChange(buffer, beforeStart, beforeEnd, afterStart, afterEnd, dataStart, dataEnd, jsonStart, jsonEnd);
}
