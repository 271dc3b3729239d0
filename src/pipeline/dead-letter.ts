/** The dead letter file: rows left out of the destination, with all that is needed to decode and apply them later. Layer 4. */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { VStreamError } from '../errors.js';
import { isObject } from '../internal/fields.js';
import type { Bitmap } from '../schema/decoder.js';
import type { Op, Phase } from '../stream/change.js';
import type { ChangeRecord } from '../stream/record.js';

/** A bitmap of a partial row image. */
export interface LetterBitmap {
  readonly count: number;
  readonly bits: string;
}

/** One line of the file. Bytes are base64. */
export interface DeadLetter {
  /** Of coordinates and bytes: the same row of the same change has the same one, however often it was written. */
  readonly id: string;
  /** When it was written, ISO 8601. */
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
  readonly commitTime?: number;
  readonly phase: Phase;
  readonly generation: number;
  /** Reshards, and number of transactions in the shard's GTID set, as in `Change.sequence`. */
  readonly reshards: number;
  readonly transactions: string;
  /** Of that shard after the change's batch, as a position of this client. */
  readonly position: unknown;
  /** `query.Row` messages as the server sent them. */
  readonly before?: string;
  readonly after?: string;
  /** Bitmaps of a partial image (B40, B41). */
  readonly dataColumns?: LetterBitmap;
  readonly jsonPartial?: LetterBitmap;
  /** The FIELD event's message in force. */
  readonly field: string;
  readonly rowImage?: 'FULL' | 'NOBLOB';
}

export interface LetterContext {
  readonly stream: string;
  readonly incarnation: string;
  readonly time: Date;
  readonly position: unknown;
}

/** @returns undefined for a record that was not made from the wire. */
export function deadLetter(
  record: ChangeRecord,
  error: VStreamError,
  { stream, incarnation, time, position }: LetterContext,
): DeadLetter | undefined {
  const { origin } = record.context;
  if (!origin) return undefined;
  const { keyspace, shard, table, op, gtid, ordinal, commitTime, phase, generation, sequence, buffer } = record;
  const image = (start: number, end: number): string | undefined =>
    start < 0 ? undefined : buffer.subarray(start, end).toString('base64');
  const before = image(record.beforeStart, record.beforeEnd);
  const after = image(record.afterStart, record.afterEnd);
  const [reshards, transactions] = sequence;
  const coordinates = [stream, incarnation, keyspace, shard, table, generation, op, gtid, ordinal, String(transactions), before, after];
  return {
    id: createHash('sha256').update(JSON.stringify(coordinates)).digest('base64url').slice(0, 22),
    time: time.toISOString(),
    stream,
    incarnation,
    keyspace,
    shard,
    table,
    op,
    reason: { code: error.code, message: error.message, ...(error.column === undefined ? {} : { column: error.column }) },
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

/** A line that closes an earlier one. */
export interface LetterDone {
  readonly done: string;
  readonly time: string;
  /** `replayed`, or why it needed no replay. */
  readonly how: string;
}

/** Appends lines, each call durable before it resolves. */
export class DeadLetterFile {
  readonly path: string;
  #file: FileHandle | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async append(lines: readonly (DeadLetter | LetterDone)[]): Promise<void> {
    if (lines.length === 0) return;
    try {
      const file = (this.#file ??= await openForAppend(this.path));
      await file.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      await file.datasync();
    } catch (cause) {
      const reason = (cause as { code?: string }).code ?? String(cause);
      throw new VStreamError('SINK_FAILED', `cannot write the dead letter file ${this.path} (${reason})`, {
        next: 'Make the file writable: nothing is skipped before it is written there.',
        cause,
      });
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** A crash may have cut the last line: what follows begins on a line of its own. */
async function openForAppend(path: string): Promise<FileHandle> {
  const file = await open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    if (size > 0) {
      const last = Buffer.alloc(1);
      await file.read(last, 0, 1, size - 1);
      if (last[0] !== 0x0a) await file.appendFile('\n');
    }
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

export interface Letters {
  /** Each once, oldest first, with how it was closed. */
  readonly letters: readonly { readonly letter: DeadLetter; readonly done: LetterDone | undefined }[];
  /** Lines that are none: cut by a crash, or not ours. */
  readonly damaged: number;
}

/** @throws VStreamError `CONFIG_INVALID` when the file cannot be read */
export async function readDeadLetters(path: string): Promise<Letters> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const reason = (cause as { code?: string }).code ?? String(cause);
    throw new VStreamError('CONFIG_INVALID', `cannot read the dead letter file ${path} (${reason})`, { next: 'Check the path.', cause });
  });
  const letters = new Map<string, DeadLetter>();
  const done = new Map<string, LetterDone>();
  let damaged = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const value = parsed(line);
    if (isDone(value)) done.set(value.done, value);
    else if (!isLetter(value)) damaged++;
    else if (!letters.has(value.id)) letters.set(value.id, value);
  }
  return { letters: [...letters.values()].map((letter) => ({ letter, done: done.get(letter.id) })), damaged };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

function isDone(value: unknown): value is LetterDone {
  return isObject(value) && typeof value['done'] === 'string';
}

function isLetter(value: unknown): value is DeadLetter {
  if (!isObject(value) || !isObject(value['reason'])) return false;
  const texts = ['id', 'time', 'stream', 'incarnation', 'keyspace', 'shard', 'table', 'op', 'transactions', 'field'];
  return (
    texts.every((name) => typeof value[name] === 'string') &&
    ['ordinal', 'generation', 'reshards'].every((name) => Number.isSafeInteger(value[name]))
  );
}
