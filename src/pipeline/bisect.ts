/** Finds the rows that a destination refuses without naming them, by giving it parts of the batch. Layer 4. */
import { VStreamError } from '../errors.js';
import { must } from '../internal/must.js';
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
}

/** How many rows behind the first one refused are tried where nothing is known to be taken. */
const MAX_PROBES = 16;

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
    await this.#proveUp(first);
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

  /** Resolves when the destination takes another row than this one, waiting for one that is away as long as for any batch. */
  async #proveUp(suspect: ChangeRecord): Promise<void> {
    if (this.#taken) {
      await this.#options.give(batchOf(pieceOf([this.#taken]), this.#options.before), false).catch((error: unknown) => {
        throw isRefusal(error) ? this.#refusal : error;
      });
      return;
    }
    const { changes } = this.#batch;
    const at = changes.indexOf(suspect) + 1;
    for (const probe of changes.slice(at, at + MAX_PROBES)) if (!(await this.#refusalOf(pieceOf([probe])))) return;
    throw undecided(this.#refusal);
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

function undecided({ message, category, keyspace, shard, table, column, position, cause }: VStreamError): VStreamError {
  return new VStreamError('SINK_FAILED', `${message}; nothing else was taken, so it may be the rows or the destination`, {
    ...{ category, keyspace, shard, table, column, position, cause },
    next: 'See whether the destination is well, and start again. If it is, its sink has to name the rows with `rowsRefused`.',
  });
}
