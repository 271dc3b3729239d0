/** Dead letters in a file: one JSON object a line, appended to. Layer 4. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { isObject } from '../internal/fields.js';
import type { DeadLetter, LetterHead } from './dead-letter.js';
import type { KeptLetters, LetterBox, LetterDone } from './letter-box.js';

/** A line that closes an earlier one. */
interface DoneLine extends LetterDone {
  readonly done: string;
}

interface Line {
  readonly offset: number;
  readonly bytes: Buffer;
}

const REMOVED = 'removed';
const BLOCK = 1 << 20;

export class FileLetterBox implements LetterBox {
  readonly description: string;
  readonly #path: string;
  readonly #clock: Pick<Clock, 'now'>;
  #file: FileHandle | undefined;
  /** Where letters lie, as of the last `list`. */
  readonly #places = new Map<string, { readonly offset: number; readonly length: number }>();

  constructor(path: string, clock: Pick<Clock, 'now'>) {
    this.#path = path;
    this.#clock = clock;
    this.description = `the dead letter file ${path}`;
  }

  prepare(): Promise<void> {
    return this.#appending(async () => {});
  }

  append(letters: readonly DeadLetter[]): Promise<void> {
    return this.#write(letters);
  }

  settle({ id }: LetterHead, how: string): Promise<void> {
    return this.#write([{ done: id, time: new Date(this.#clock.now()).toISOString(), how } satisfies DoneLine]);
  }

  /** The line stays in the file: another process may be appending to it. */
  remove(head: LetterHead): Promise<void> {
    return this.settle(head, REMOVED);
  }

  /** Letters come as they were stored. @throws VStreamError `CONFIG_INVALID` when the file cannot be read */
  async list(): Promise<KeptLetters> {
    const heads = new Map<string, LetterHead>();
    const done = new Map<string, LetterDone>();
    let damaged = 0;
    this.#places.clear();
    for await (const { offset, bytes } of this.#lines()) {
      const value = parsed(bytes);
      if (isDone(value)) {
        const { time, how } = value;
        done.set(value.done, { time, how });
      } else if (!isLetter(value)) damaged++;
      else if (!heads.has(value.id)) {
        heads.set(value.id, headOf(value));
        this.#places.set(value.id, { offset, length: bytes.length });
      }
    }
    const letters = [...heads.values()].map((head) => ({ head, done: done.get(head.id) }));
    return { letters: letters.filter((one) => one.done?.how !== REMOVED), damaged };
  }

  async read({ id }: LetterHead): Promise<DeadLetter> {
    const place = this.#places.get(id);
    if (!place) throw new VStreamError('INTERNAL', `letter ${id} was read before the file was listed`);
    const file = await this.#opened();
    try {
      const bytes = Buffer.alloc(place.length);
      await file.read(bytes, 0, place.length, place.offset);
      const value = parsed(bytes);
      if (isLetter(value) && value.id === id) return value;
    } finally {
      await file.close();
    }
    throw new VStreamError('SINK_FAILED', `${this.description} was changed while it was read`, { next: 'Run the command again.' });
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  #write(lines: readonly (DeadLetter | DoneLine)[]): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    return this.#appending(async (file) => {
      // One write where the system takes it as a whole: another process may append too.
      const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
      await file.datasync();
    });
  }

  async #appending(work: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      await work((this.#file ??= await openForAppend(this.#path)));
    } catch (cause) {
      // A full disk leaves half a line: the next opening begins behind it.
      await this.close().catch(() => {});
      throw new VStreamError('SINK_FAILED', `cannot write ${this.description} (${reasonOf(cause)})`, {
        next: 'Make room, or make the file writable: nothing is skipped before it is written there.',
        cause,
      });
    }
  }

  #opened(): Promise<FileHandle> {
    return open(this.#path, 'r').catch((cause: unknown) => {
      throw new VStreamError('CONFIG_INVALID', `cannot read ${this.description} (${reasonOf(cause)})`, { next: 'Check the path.', cause });
    });
  }

  /** One after the other: the file may be larger than memory. */
  async *#lines(): AsyncGenerator<Line, void, void> {
    const file = await this.#opened();
    try {
      const block = Buffer.alloc(BLOCK);
      let parts: Buffer[] = [];
      let start = 0;
      for (let position = 0; ; ) {
        const { bytesRead } = await file.read(block, 0, BLOCK, position);
        const chunk = Buffer.from(block.subarray(0, bytesRead));
        let from = 0;
        for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
          yield* lineOf(start, [...parts, chunk.subarray(from, end)]);
          parts = [];
          from = end + 1;
          start = position + from;
        }
        if (from < bytesRead) parts.push(chunk.subarray(from));
        position += bytesRead;
        if (bytesRead > 0) continue;
        yield* lineOf(start, parts);
        return;
      }
    } finally {
      await file.close();
    }
  }
}

function* lineOf(offset: number, parts: readonly Buffer[]): Generator<Line, void, void> {
  const [only = Buffer.alloc(0)] = parts;
  const bytes = parts.length > 1 ? Buffer.concat(parts) : only;
  if (bytes.toString('latin1', 0, 16).trim() !== '') yield { offset, bytes };
}

/** A crash may have cut the last line: what follows begins on a line of its own. */
async function openForAppend(path: string): Promise<FileHandle> {
  const file = await open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    if (size === 0) await syncFolder(path);
    else {
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

/** A new file is safe once its name is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r').catch(() => undefined);
  // Some systems cannot sync a folder; they do without.
  await folder?.sync().catch(() => {});
  await folder?.close();
}

function reasonOf(cause: unknown): string {
  return (cause as { code?: string }).code ?? String(cause);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function isDone(value: unknown): value is DoneLine {
  return isObject(value) && typeof value['done'] === 'string';
}

function isLetter(value: unknown): value is DeadLetter {
  if (!isObject(value) || !isObject(value['reason'])) return false;
  const texts = ['id', 'time', 'stream', 'incarnation', 'keyspace', 'shard', 'table', 'op', 'transactions', 'field'];
  return (
    texts.every((name) => typeof value[name] === 'string') &&
    ['ordinal', 'generation', 'reshards'].every((name) => Number.isSafeInteger(value[name])) &&
    /^\d+$/.test(value['transactions'] as string)
  );
}

function headOf(letter: DeadLetter): LetterHead {
  const { id, time, stream, incarnation, keyspace, shard, table, op, reason, gtid, ordinal, generation, reshards, transactions } = letter;
  const where = { id, time, stream, incarnation, keyspace, shard, table, op, reason };
  return { ...where, ...(gtid === undefined ? {} : { gtid }), ordinal, generation, reshards, transactions };
}
