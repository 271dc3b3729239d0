/** Dead letters in a Vitess table of the user's, made on demand. Layer 4. The statements are sql/letter-table.ts. */
import { isPassing, messageOf, VStreamError } from '../errors.js';
import { delay } from '../internal/clock.js';
import {
  createLetterTable,
  deleteLetter,
  insertLetters,
  type LetterHeadRow,
  type LetterTable,
  type NewLetterRow,
  selectLetterBody,
  selectLetterHeads,
  settleLetter,
} from '../sql/letter-table.js';
import { runStatement, type Statement } from '../sql/statement.js';
import { unusableKeyspace } from '../stores/unsharded.js';
import { openTransport } from '../stream/session.js';
import type { Op } from '../stream/change.js';
import type { ValidatedStream } from '../stream/validated.js';
import { createBackoff } from '../supervise/backoff.js';
import { granteeInText } from '../transport/denied.js';
import { sqlFailure } from '../transport/failure.js';
import { serverStatusOf } from '../transport/status.js';
import type { Transport } from '../transport/transport.js';
import type { DeadLetter, LetterDetails, LetterHead } from './dead-letter.js';
import { bySequence, type KeptLetter, type KeptLetters, type LetterBox, type OpenLetterBox } from './letter-box.js';

/** gRPC servers take messages of 16 MiB by default (`--grpc_max_message_size`), and so does a `mediumblob`. */
const MAX_LETTER_BYTES = 15 << 20;
/** Of one insert. */
const MAX_INSERT_BYTES = 1 << 20;
const MAX_INSERT_ROWS = 50;
/** Heads read at once. */
const PAGE = 500;

export function openTableLetterBox(
  { keyspace, table }: LetterTable,
  stream: Pick<ValidatedStream, 'source' | 'logger'>,
  options: OpenLetterBox,
): LetterBox {
  return new TableLetterBox({ keyspace, table }, openTransport(stream), stream, options);
}

/** Closes its transport. */
export class TableLetterBox implements LetterBox {
  readonly #at: LetterTable;
  readonly #transport: Transport;
  readonly #stream: Pick<ValidatedStream, 'logger'>;
  readonly #options: OpenLetterBox;

  constructor(at: LetterTable, transport: Transport, stream: Pick<ValidatedStream, 'logger'>, options: OpenLetterBox) {
    this.#at = at;
    this.#transport = transport;
    this.#stream = stream;
    this.#options = options;
  }

  get description(): string {
    return `the dead letter table ${this.#at.keyspace}.${this.#at.table}`;
  }

  async prepare(): Promise<void> {
    await this.#checkKeyspace();
    try {
      await this.#once(selectLetterHeads(this.#at, '', '', 1));
    } catch (error) {
      if (sqlFailure(error)?.code !== 'TABLE_NOT_FOUND') throw this.#explain(error);
      await this.#create();
    }
    await this.#run(settleLetter(this.#at, '', '', ''));
  }

  async append(letters: readonly DeadLetter[]): Promise<void> {
    let rows: NewLetterRow[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      const [first] = letters;
      if (first && rows.length > 0) await this.#patiently(insertLetters(this.#at, first.stream, rows));
      rows = [];
      bytes = 0;
    };
    for (const letter of letters) {
      const row = rowOf(letter);
      const size = sizeOf(row);
      if (size > MAX_LETTER_BYTES) throw tooLarge(letter, size, this.description);
      if (rows.length === MAX_INSERT_ROWS || bytes + size > MAX_INSERT_BYTES) await flush();
      rows.push(row);
      bytes += size;
    }
    await flush();
  }

  /** All streams' letters, as they were stored. */
  async list(): Promise<KeptLetters> {
    const letters: KeptLetter[] = [];
    for (let last: LetterHeadRow | undefined; ; ) {
      const page: readonly LetterHeadRow[] = await this.#run(selectLetterHeads(this.#at, last?.stream ?? '', last?.id ?? '', PAGE));
      letters.push(...page.map(keptOf));
      last = page.at(-1);
      if (!last || page.length < PAGE) break;
    }
    return {
      letters: letters.sort((a, b) => (a.head.time < b.head.time ? -1 : a.head.time > b.head.time ? 1 : bySequence(a, b))),
      damaged: 0,
    };
  }

  async read(head: LetterHead): Promise<DeadLetter> {
    const body = await this.#run(selectLetterBody(this.#at, head.stream, head.id));
    if (!body) {
      throw new VStreamError('SINK_FAILED', `letter ${head.id} is not in ${this.description} any more`, { next: 'Run the command again.' });
    }
    const { before, after, field, details } = body;
    return {
      ...head,
      ...(JSON.parse(details) as LetterDetails),
      ...(before === undefined ? {} : { before: Buffer.from(before).toString('base64') }),
      ...(after === undefined ? {} : { after: Buffer.from(after).toString('base64') }),
      field: Buffer.from(field).toString('base64'),
    };
  }

  async settle({ stream, id }: LetterHead, how: string): Promise<void> {
    await this.#run(settleLetter(this.#at, stream, id, how));
  }

  async remove({ stream, id }: LetterHead): Promise<void> {
    await this.#run(deleteLetter(this.#at, stream, id));
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #checkKeyspace(): Promise<void> {
    const { keyspace } = this.#at;
    const { signal } = this.#options;
    const problem = await unusableKeyspace(this.#transport, keyspace, { signal });
    if (!problem) return;
    const what = problem.what === 'sharded' ? 'is sharded; a table of dead letters needs one without shards' : 'does not exist';
    const code = problem.what === 'sharded' ? 'CONFIG_INVALID' : 'KEYSPACE_NOT_FOUND';
    throw new VStreamError(code, `the keyspace ${keyspace} for dead letters ${what}`, {
      keyspace,
      next: `Choose an unsharded one for \`deadLetter.keyspace\`: ${problem.others.slice(0, 5).join(', ') || 'there is none, so create it'}.`,
    });
  }

  async #create(): Promise<void> {
    const statement = createLetterTable(this.#at);
    try {
      await this.#once(statement);
    } catch (error) {
      const failure = sqlFailure(error);
      if (!failure || failure.category === 'retry') throw error;
      throw new VStreamError('SINK_FAILED', `${this.description} cannot be created: ${messageOf(error)}`, {
        ...this.#at,
        next: `Run as a user who may: ${statement.text}`,
        cause: serverStatusOf(error),
      });
    }
  }

  #once<T>(statement: Statement<T>): Promise<T> {
    return runStatement(this.#transport, statement, { signal: this.#options.signal });
  }

  async #run<T>(statement: Statement<T>): Promise<T> {
    try {
      return await this.#once(statement);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** An outage of the database must not end the stream at once; storing a letter twice does nothing. */
  async #patiently<T>(statement: Statement<T>): Promise<T> {
    const { clock, random, signal } = this.#options;
    const backoff = createBackoff({ clock, random });
    for (;;) {
      try {
        return await this.#run(statement);
      } catch (error) {
        if (!isPassing(error)) throw error;
        const wait = signal.aborted ? undefined : backoff.next();
        if (wait === undefined) throw error;
        this.#stream.logger.warn({ ...error.toJSON(), waitMs: Math.round(wait) }, `${this.description} could not be written; trying again`);
        await delay(clock, wait, signal).catch(() => {
          throw error;
        });
        this.#transport.rotate();
      }
    }
  }

  /** Passing errors stay what they are; the others name the table and the next step. */
  #explain(error: unknown): unknown {
    const failure = sqlFailure(error);
    if (!failure || failure.category === 'retry') return error;
    const details = { ...this.#at, cause: serverStatusOf(error) };
    const { keyspace, table } = this.#at;
    switch (failure.code) {
      case 'PERMISSION_DENIED':
        return new VStreamError('PERMISSION_DENIED', `this user may not use ${this.description}: ${messageOf(error)}`, {
          ...details,
          next: `Grant select, insert, update and delete on ${keyspace}.${table} to ${granteeInText(messageOf(error))}.`,
        });
      case 'COLUMN_NOT_FOUND':
        return new VStreamError('SINK_FAILED', `${this.description} is a table of something else: ${messageOf(error)}`, {
          ...details,
          next: 'Give another name in `deadLetter.table`; it is created on demand.',
        });
      case 'TABLE_NOT_FOUND':
        return new VStreamError('CONFIG_INVALID', `there is no ${this.description.slice('the '.length)}: ${messageOf(error)}`, {
          ...details,
          next: 'Check the name; it is created when a stream with `deadLetter` starts.',
        });
      default:
        return new VStreamError('SINK_FAILED', `${this.description} failed: ${messageOf(error)}`, { ...details, next: failure.next });
    }
  }
}

function rowOf(letter: DeadLetter): NewLetterRow {
  const { id, incarnation, keyspace, shard, table, op, reason, gtid, ordinal, generation, reshards, transactions } = letter;
  const { commitTime, phase, position, dataColumns, jsonPartial, rowImage, before, after, field } = letter;
  const details: LetterDetails = {
    ...(commitTime === undefined ? {} : { commitTime }),
    phase,
    position,
    ...(dataColumns ? { dataColumns } : {}),
    ...(jsonPartial ? { jsonPartial } : {}),
    ...(rowImage ? { rowImage } : {}),
  };
  return {
    id,
    incarnation,
    keyspace,
    shard,
    table,
    op,
    gtid,
    ordinal: BigInt(ordinal),
    generation: BigInt(generation),
    reshards: BigInt(reshards),
    transactions: BigInt(transactions),
    code: reason.code,
    column: reason.column,
    reason: reason.message,
    before: before === undefined ? undefined : Buffer.from(before, 'base64'),
    after: after === undefined ? undefined : Buffer.from(after, 'base64'),
    field: Buffer.from(field, 'base64'),
    details: JSON.stringify(details),
  };
}

function keptOf(row: LetterHeadRow): KeptLetter {
  const { id, stream, incarnation, keyspace, shard, table, op, gtid, code, reason, column, doneAt, how } = row;
  const head: LetterHead = {
    id,
    time: isoOf(row.storedAt),
    stream,
    incarnation,
    keyspace,
    shard,
    table,
    op: op as Op,
    reason: { code, message: reason, ...(column === undefined ? {} : { column }) },
    ...(gtid === undefined ? {} : { gtid }),
    ordinal: Number(row.ordinal),
    generation: Number(row.generation),
    reshards: Number(row.reshards),
    transactions: String(row.transactions),
  };
  return { head, done: doneAt === undefined ? undefined : { time: isoOf(doneAt), how: how ?? '' } };
}

/** `2026-01-02 03:04:05.678901` of the database, which is UTC. */
function isoOf(text: string): string {
  return `${text.slice(0, 23).replace(' ', 'T')}Z`;
}

function sizeOf({ before, after, field, details }: NewLetterRow): number {
  return (before?.length ?? 0) + (after?.length ?? 0) + field.length + Buffer.byteLength(details);
}

function tooLarge({ keyspace, shard, table, gtid }: DeadLetter, size: number, where: string): VStreamError {
  const mib = (bytes: number): string => (bytes / (1 << 20)).toFixed(1);
  return new VStreamError(
    'SINK_FAILED',
    `a bad row of ${keyspace}.${table}, shard ${shard}, has ${mib(size)} MiB with its images, more than ${where} can take (${mib(MAX_LETTER_BYTES)} MiB)`,
    { keyspace, shard, table, position: gtid, next: 'Use a file: `deadLetter: { path }`. Or leave the row out: `onBadRow: skip`.' },
  );
}
