/** Dead letters: rows left out of the destination, with all that is needed to decode and apply them later. Layer 4. */
import { createHash } from 'node:crypto';
import type { VStreamError } from '../errors.js';
import type { Bitmap } from '../schema/decoder.js';
import type { Op, Phase } from '../stream/change.js';
import type { ChangeRecord } from '../stream/record.js';

/** A bitmap of a partial row image. */
export interface LetterBitmap {
  readonly count: number;
  readonly bits: string;
}

/** What is shown of a letter: everything but the row itself. */
export interface LetterHead {
  /** Of coordinates and bytes: the same row of the same change has the same one, however often it comes. 32 hex digits. */
  readonly id: string;
  /** When it was stored, ISO 8601. */
  readonly time: string;
  readonly stream: string;
  readonly incarnation: string;
  readonly keyspace: string;
  readonly shard: string;
  readonly table: string;
  readonly op: Op;
  readonly reason: { readonly code: string; readonly message: string; readonly column?: string };
  /** The transaction's own GTID; absent for copied rows. */
  readonly gtid?: string;
  readonly ordinal: number;
  readonly generation: number;
  /** Reshards, and number of transactions in the shard's GTID set, as in `Change.sequence`. */
  readonly reshards: number;
  readonly transactions: string;
}

/** A whole letter; in a file one line of JSON. Bytes are base64. */
export interface DeadLetter extends LetterHead, LetterDetails {
  /** `query.Row` messages as the server sent them. */
  readonly before?: string;
  readonly after?: string;
  /** The FIELD event's message in force. */
  readonly field: string;
}

/** What decoding and applying need beside bytes and coordinates. */
export interface LetterDetails {
  readonly commitTime?: number;
  readonly phase: Phase;
  /** Of that shard after the change's batch, as a position of this client. */
  readonly position: unknown;
  /** Bitmaps of a partial image (B40, B41). */
  readonly dataColumns?: LetterBitmap;
  readonly jsonPartial?: LetterBitmap;
  readonly rowImage?: 'FULL' | 'NOBLOB';
}

export interface LetterContext {
  readonly stream: string;
  readonly incarnation: string;
  readonly time: Date;
  readonly position: unknown;
  /** Tells equal rows of a table without a key apart: counts them. Such a copy is never resumed inside, so a replay begins a new generation. */
  readonly nextKeyless: () => number;
}

/** Of a reason: an error may quote much. */
const MAX_REASON = 1_000;

/** @returns undefined for a record that was not made from the wire. */
export function deadLetter(
  record: ChangeRecord,
  error: VStreamError,
  { stream, incarnation, time, position, nextKeyless }: LetterContext,
): DeadLetter | undefined {
  const { origin } = record.context;
  if (!origin) return undefined;
  const { keyspace, shard, table, op, gtid, ordinal, commitTime, phase, generation, sequence, buffer } = record;
  const image = (start: number, end: number): string | undefined =>
    start < 0 ? undefined : buffer.subarray(start, end).toString('base64');
  const before = image(record.beforeStart, record.beforeEnd);
  const after = image(record.afterStart, record.afterEnd);
  const [reshards, transactions] = sequence;
  // A copied row that comes again comes from another snapshot, in another place: its bytes tell it.
  const place = record.copied ? [generation, record.schema.key.length === 0 ? nextKeyless() : 0] : [gtid, ordinal];
  const message = error.message.length > MAX_REASON ? `${error.message.slice(0, MAX_REASON - 1)}…` : error.message;
  return {
    id: createHash('sha256')
      .update(JSON.stringify([stream, incarnation, keyspace, shard, table, ...place, before, after]))
      .digest('hex')
      .slice(0, 32),
    time: time.toISOString(),
    stream,
    incarnation,
    keyspace,
    shard,
    table,
    op,
    reason: { code: error.code, message, ...(error.column === undefined ? {} : { column: error.column }) },
    ...(gtid === undefined ? {} : { gtid }),
    ordinal,
    ...(commitTime === undefined ? {} : { commitTime }),
    phase,
    generation,
    reshards,
    transactions: String(transactions),
    position,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    ...(record.dataColumns ? { dataColumns: bitmap(record.dataColumns) } : {}),
    ...(record.jsonPartial ? { jsonPartial: bitmap(record.jsonPartial) } : {}),
    field: Buffer.from(origin.field, 'latin1').toString('base64'),
    ...(origin.rowImage === 'FULL' || origin.rowImage === 'NOBLOB' ? { rowImage: origin.rowImage } : {}),
  };
}

function bitmap({ count, bits }: Bitmap): LetterBitmap {
  return { count, bits: Buffer.from(bits).toString('base64') };
}
