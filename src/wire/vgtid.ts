/** Reads what is needed of a VGtid message: one shard's entry, or the whole vector. Layer 1. */
import { cursor, readRange, readVarint32, skipField } from './cursor.js';

export interface VgtidEntry {
  readonly keyspace: string;
  readonly shard: string;
  readonly gtid: string;
  /** Tables whose copy is under way, with the `TableLastPK` message byte for byte (B47, G114). */
  readonly pending: readonly PendingTable[];
}

export interface PendingTable {
  readonly table: string;
  /** False when the entry names the table only: its copy has not begun. */
  readonly hasKey: boolean;
  readonly message: Buffer;
}

/** Every entry of the vector, in order (VGtid 1 shard_gtids; ShardGtid 1 keyspace, 2 shard, 3 gtid, 4 table_p_ks). */
export function readVgtid(buffer: Buffer, start = 0, end: number = buffer.length): VgtidEntry[] {
  const entries: VgtidEntry[] = [];
  forEachEntry(buffer, start, end, (from, to) => entries.push(readEntry(buffer, from, to)));
  return entries;
}

/** The entry of one shard, without reading the others: a vector of 256 shards comes with every transaction (G25). */
export function readVgtidEntry(buffer: Buffer, start: number, end: number, keyspace: string, shard: string): VgtidEntry | undefined {
  let found: VgtidEntry | undefined;
  forEachEntry(buffer, start, end, (from, to) => {
    if (!found && namesAre(buffer, from, to, keyspace, shard)) found = readEntry(buffer, from, to);
  });
  return found;
}

function forEachEntry(buffer: Buffer, start: number, end: number, visit: (from: number, to: number) => void): void {
  let at = start;
  while (at < end) {
    const tag = readVarint32(buffer, at, end);
    if (tag === 10) {
      const stop = readRange(buffer, cursor.at, end);
      visit(cursor.at, stop);
      at = stop;
    } else {
      at = skipField(buffer, tag & 7, cursor.at, end);
    }
  }
}

function namesAre(buffer: Buffer, start: number, end: number, keyspace: string, shard: string): boolean {
  // Keyspace and shard first, as every server writes them. Shards differ from the first letters on, keyspaces rarely.
  const second = start + 2 + keyspace.length;
  const first = second + 2;
  if (first + shard.length <= end && buffer[start] === 10 && buffer[start + 1] === keyspace.length && buffer[second] === 18) {
    // The same number of bytes as of characters: plain ASCII, or another name.
    if (buffer[second + 1] === shard.length)
      return textIs(buffer, first, first + shard.length, shard) && textIs(buffer, start + 2, second, keyspace);
  }
  let same = 0;
  let at = start;
  while (at < end && same < 2) {
    const tag = readVarint32(buffer, at, end);
    at = cursor.at;
    if (tag === 10 || tag === 18) {
      const stop = readRange(buffer, at, end);
      if (!textIs(buffer, cursor.at, stop, tag === 10 ? keyspace : shard)) return false;
      same++;
      at = stop;
    } else {
      at = skipField(buffer, tag & 7, at, end);
    }
  }
  return same === 2;
}

/** Compares without making a string: this runs for every shard of every vector. */
function textIs(buffer: Buffer, start: number, end: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return buffer.toString('utf8', start, end) === text;
    if (start + index >= end || buffer[start + index] !== code) return false;
  }
  return end - start === text.length;
}

function readEntry(buffer: Buffer, start: number, end: number): VgtidEntry {
  let keyspace = '';
  let shard = '';
  let gtid = '';
  const pending: PendingTable[] = [];
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
    if (tag === 10) keyspace = buffer.toString('utf8', from, stop);
    else if (tag === 18) shard = buffer.toString('utf8', from, stop);
    else if (tag === 26) gtid = buffer.toString('latin1', from, stop);
    else if (tag === 34) pending.push(readPending(buffer, from, stop));
    at = stop;
  }
  return { keyspace, shard, gtid, pending };
}

/** TableLastPK: 1 table_name, 3 lastpk (number 2 is skipped, G6). The message is copied: it outlives the response. */
function readPending(buffer: Buffer, start: number, end: number): PendingTable {
  let table = '';
  let hasKey = false;
  let at = start;
  while (at < end) {
    const tag = readVarint32(buffer, at, end);
    at = cursor.at;
    if (tag === 10) {
      const stop = readRange(buffer, at, end);
      table = buffer.toString('utf8', cursor.at, stop);
      at = stop;
    } else {
      if (tag === 26) hasKey = true;
      at = skipField(buffer, tag & 7, at, end);
    }
  }
  return { table, hasKey, message: Buffer.from(buffer.subarray(start, end)) };
}
