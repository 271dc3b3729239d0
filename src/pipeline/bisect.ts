/** Finds the rows that a destination refuses without naming them, by giving it parts of the batch. Layer 4. */
import { VStreamError } from '../errors.js';
import { type Clock, delay } from '../internal/clock.js';
import { must } from '../internal/must.js';
import type { Logger } from '../observe/logger.js';
import type { Position } from '../position/position.js';
import { StreamBatch } from '../stream/batch.js';
import type { Transaction } from '../stream/change.js';
import type { ChangeRecord } from '../stream/record.js';

export interface BisectOptions {
  /** Gives a batch to the destination; `once`: a refusal is an answer, and nothing is tried again. */
  give(batch: StreamBatch, once: boolean): Promise<void>;
  /** What parts carry: the position before the batch, as none of them completes it. */
  readonly before: Position;
  /** The last change the destination took: given once more, it shows whether anything is taken. */
  readonly taken: ChangeRecord | undefined;
  /** The batches behind this one, up to the first with rows; waits for them. */
  coming(): AsyncIterable<StreamBatch>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How many rows behind the first one refused are tried where nothing is known to be taken. */
const MAX_PROBES = 16;
/** How often a row is given again while another one is waited for, milliseconds. */
const AGAIN_MS = 30_000;

interface Part {
  readonly changes: readonly ChangeRecord[];
  /** Of a copy none. */
  readonly transactions: readonly Transaction<ChangeRecord>[];
}

/**
 * The rows of a batch that are refused alone, twice, while the destination takes another one in between: an outage makes no row bad. Parts
 * come in order and are cut between transactions as long as there are several. Afterwards the batch without these rows has to be given as
 * a whole: that also puts right what was given once more.
 * @returns none when each part was taken
 * @throws VStreamError the refusal of the batch when the destination takes nothing at all
 */
export async function bisect(batch: StreamBatch, refusal: VStreamError, options: BisectOptions): Promise<Map<ChangeRecord, VStreamError>> {
  const search = new Bisection(batch, refusal, options);
  await search.narrow(batch);
  return search.bad;
}

class Bisection {
  readonly bad = new Map<ChangeRecord, VStreamError>();
  readonly #batch: StreamBatch;
  readonly #refusal: VStreamError;
  readonly #options: BisectOptions;
  #taken: ChangeRecord | undefined;

  constructor(batch: StreamBatch, refusal: VStreamError, options: BisectOptions) {
    this.#batch = batch;
    this.#refusal = refusal;
    this.#options = options;
    this.#taken = options.taken;
  }

  /** The part was refused: which of its rows are? */
  async narrow(part: Part): Promise<void> {
    const [first, second] = part.changes;
    if (!first) return;
    if (second) {
      for (const half of halves(part)) if (await this.#refusalOf(half)) await this.narrow(half);
      return;
    }
    if (!(await this.#provesUp(part))) return;
    const again = await this.#refusalOf(part);
    if (again) this.bad.set(first, again);
  }

  async #refusalOf(part: Part): Promise<VStreamError | undefined> {
    try {
      await this.#options.give(batchOf(part, this.#options.before), true);
      this.#taken = part.changes.at(-1);
      return undefined;
    } catch (error) {
      if (isRefusal(error)) return error;
      throw error;
    }
  }

  /**
   * Resolves when the destination takes another row than this one, waiting for one that is away as long as for any batch. False: it has taken
   * this one by now.
   */
  async #provesUp(suspect: Part): Promise<boolean> {
    if (this.#taken) {
      await this.#options.give(batchOf(pieceOf([this.#taken]), this.#options.before), false).catch((error: unknown) => {
        throw isRefusal(error) ? this.#refusal : error;
      });
      return true;
    }
    const { changes } = this.#batch;
    const [first] = suspect.changes;
    if (first && (await this.#takesOneOf(changes.slice(changes.indexOf(first) + 1)))) return true;
    return this.#waitsForAnother(suspect);
  }

  async #takesOneOf(changes: readonly ChangeRecord[]): Promise<boolean> {
    for (const probe of changes.slice(0, MAX_PROBES)) if (!(await this.#refusalOf(pieceOf([probe])))) return true;
    return false;
  }

  /** Right after a start nothing was taken yet, and in this batch nothing is: what comes next tells. As `#provesUp`. */
  async #waitsForAnother(suspect: Part): Promise<boolean> {
    const { clock, logger, coming } = this.#options;
    logger.warn(
      whereOf(suspect),
      'the sink refuses a row and has taken no other since the start: waiting for one, to know which is at fault',
    );
    const batches = coming()[Symbol.asyncIterator]();
    let next = batches.next();
    for (;;) {
      const found = await within(next, AGAIN_MS, clock);
      if (!found) {
        if (await this.#refusalOf(suspect)) continue;
        return false;
      }
      if (found.done || !(await this.#passes(found.value))) break;
      if (found.value.changes.length > 0) {
        if (await this.#takesOneOf(found.value.changes)) return true;
        break;
      }
      next = batches.next();
    }
    throw undecided(this.#refusal);
  }

  /** True when rows behind this batch may be given before it: it has rows, or says nothing but a position, or columns, which the destination is told then. */
  async #passes(batch: StreamBatch): Promise<boolean> {
    const { schema, progress } = batch;
    if (!schema) return progress?.sweep !== true;
    if (schema.kind !== 'columns') return false;
    return this.#options.give(batch.with({ position: this.#options.before }), true).then(
      () => true,
      (error: unknown) => {
        if (isRefusal(error)) return false;
        throw error;
      },
    );
  }
}

export function isRefusal(error: unknown): error is VStreamError {
  return VStreamError.is(error) && error.code === 'SINK_FAILED';
}

function halves({ changes, transactions }: Part): readonly Part[] {
  if (transactions.length < 2) {
    const middle = changes.length >> 1;
    return [changes.slice(0, middle), changes.slice(middle)].map((half) => pieceOf(half, transactions[0]));
  }
  const middle = transactions.length >> 1;
  return [transactions.slice(0, middle), transactions.slice(middle)].map((half) => ({
    changes: half.flatMap((one) => one.changes),
    transactions: half,
  }));
}

/** Copied rows, or changes of one transaction: marked as a part of it, as whoever counts transactions must not take it for one. */
function pieceOf(changes: readonly ChangeRecord[], of?: Transaction<ChangeRecord>): Part {
  const { copied, keyspace, shard, gtid, commitTime } = must(changes[0], 'a change');
  if (copied) return { changes, transactions: [] };
  return { changes, transactions: [{ keyspace, shard, gtid, commitTime, changes, part: { index: of?.part?.index ?? 0, last: false } }] };
}

function batchOf({ changes, transactions }: Part, position: Position): StreamBatch {
  const { copied, keyspace, table, shard, generation } = must(changes[0], 'a change');
  const rows = { position, changes: [...changes], transactions };
  return new StreamBatch(
    copied ? { kind: 'copy', ...rows, copy: { keyspace, table, shard, generation } } : { kind: 'transactions', ...rows },
  );
}

/** What it resolves to, or undefined after `ms`. */
async function within<T>(result: Promise<T>, ms: number, clock: Clock): Promise<T | undefined> {
  const over = new AbortController();
  const tick = delay(clock, ms, over.signal).catch(() => undefined);
  try {
    return await Promise.race([result, tick.then(() => undefined)]);
  } finally {
    over.abort();
  }
}

function whereOf({ changes }: Part): { keyspace: string; shard: string; table: string } {
  const { keyspace, shard, table } = must(changes[0], 'a change');
  return { keyspace, shard, table };
}

function undecided({ message, category, keyspace, shard, table, column, position, cause }: VStreamError): VStreamError {
  return new VStreamError('SINK_FAILED', `${message}; nothing else was taken, so it may be the rows or the destination`, {
    ...{ category, keyspace, shard, table, column, position, cause },
    next: 'See whether the destination is well, and start again. If it is, its sink has to name the rows with `rowsRefused`.',
  });
}
