/** Decodes dead letters with the present client and applies them to the stream's sink, as its owner. Layer 4. */
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { Recorder } from '../observe/recorder.js';
import type { Position } from '../position/position.js';
import { decodeOptionsOf } from '../schema/define.js';
import { compileDecoder } from '../schema/row-decoder.js';
import { compileFilter } from '../schema/where.js';
import { VersionRegistry } from '../schema/versions.js';
import { asBatch, decodeAll, StreamBatch } from '../stream/batch.js';
import { ChangeRecord } from '../stream/record.js';
import { entryFor } from '../stream/selection.js';
import type { ValidatedStream } from '../stream/validated.js';
import { applyFilter } from '../stream/where.js';
import { FieldEventSchema } from '../wire/gen/binlogdata_pb.js';
import { readMessage } from '../wire/message.js';
import { applyBatch } from './apply.js';
import type { DeadLetter, LetterBitmap, LetterHead } from './dead-letter.js';
import { handlerSink } from './handler-sink.js';
import { openSink } from './open-sink.js';
import { type Owned, openOwned } from './owned.js';
import type { ApplyContext, Sink } from './sink.js';
import type { ValidatedRun } from './validate.js';

export interface ReplayOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  read(head: LetterHead): Promise<DeadLetter>;
  /** Awaited after each letter, so that it is closed before the next one is tried. */
  settled(head: LetterHead, outcome: LetterOutcome): Promise<void>;
  /**
   * Asked once all are settled: true takes the mark `row-dead-lettered` of a table on a shard off the position. The operator's word
   * that nothing later touched those rows, or that the destination appends: a replay cannot know.
   */
  isComplete?(table: MarkedTable): boolean;
}

export interface MarkedTable {
  readonly keyspace: string;
  readonly shard: string;
  readonly table: string;
}

export type LetterOutcome =
  | { readonly kind: 'replayed' }
  /** The table was copied again since, or the stream began anew: the row is there in its present state. */
  | { readonly kind: 'superseded' }
  /** Its table's `where` does not want it. */
  | { readonly kind: 'filtered' }
  | { readonly kind: 'failed'; readonly error: VStreamError };

/** How long one row is tried again at the sink. */
const RETRY_MS = 1_000;

/**
 * Applies the letters in order, one batch each, at the stream's stored position: which does not move. A row is written as it was
 * then; what happened to it later is not undone by a sink that orders by `sequence` and is by one that does not.
 * @throws VStreamError `LEASE_HELD` while the stream runs; what the sink throws when it cannot be opened
 */
export async function replayLetters(run: ValidatedRun, letters: readonly LetterHead[], options: ReplayOptions): Promise<void> {
  const { clock, random, signal, read, settled, isComplete } = options;
  const sink = run.sink.kind === 'sink' ? run.sink.sink : handlerSink(run.sink.handler);
  const owned = await openOwned(run, { ...run, wait: false, clock, random, recorder: new Recorder(clock), signal });
  try {
    const { claim, lost } = owned.ownership;
    const context: ApplyContext = { epoch: claim.epoch, signal: AbortSignal.any([signal, lost]) };
    const position = await openAtStored(run, sink, owned, context);
    const replay = new Replay(run, sink, position);
    for (const head of letters) {
      if (context.signal.aborted) return;
      const isOver = head.incarnation !== claim.incarnation || isCopiedSince(head, position);
      await owned.ownership.whenHeld();
      const outcome: LetterOutcome = isOver ? { kind: 'superseded' } : await replay.one(await read(head), context, { clock, random });
      if (outcome.kind === 'failed' && context.signal.aborted) return;
      await settled(head, outcome);
    }
    if (!isComplete) return;
    const whole = withoutMarks(position, isComplete);
    if (whole === position) return;
    await owned.ownership.whenHeld();
    const batch = new StreamBatch({ kind: 'progress', position: whole, progress: { type: 'position' } });
    await applyBatch(sink, asBatch(batch), context, { clock, random, logger: run.logger, retryMs: RETRY_MS });
    await owned.ownership.write({ position: whole });
  } finally {
    await sink.close().catch((error: unknown) => run.logger.warn({ error: String(error) }, 'the sink did not close cleanly'));
    await owned.close();
  }
}

async function openAtStored(run: ValidatedRun, sink: Sink, { ownership }: Owned, context: ApplyContext): Promise<Position> {
  const { claim, record } = ownership;
  const { name, logger } = run;
  const { incarnation, epoch } = claim;
  const { position } = await openSink(sink, { name, incarnation, epoch, logger, signal: context.signal }, record.position);
  if (position) return position;
  throw new VStreamError('STATE_NOT_FOUND', `stream ${name} has no position: there is nothing to replay into`, {
    next: 'Run it once; a copy brings these rows as they are now.',
  });
}

/** The position without the marks of dead letters on these tables; the same one when it has none. */
function withoutMarks(position: Position, isComplete: (table: MarkedTable) => boolean): Position {
  let changed = false;
  const incomplete = position.incomplete.flatMap((mark) => {
    if (mark.reason !== 'row-dead-lettered') return [mark];
    const { keyspace, shard } = mark;
    const tables = Object.entries(mark.tables).filter(([table]) => !isComplete({ keyspace, shard, table }));
    if (tables.length === Object.keys(mark.tables).length) return [mark];
    changed = true;
    return tables.length === 0 ? [] : [{ ...mark, tables: Object.fromEntries(tables) }];
  });
  return changed ? position.with({ incomplete }) : position;
}

function isCopiedSince({ keyspace, table, shard, generation }: LetterHead, { plan }: Position): boolean {
  const copy = plan.shard(keyspace, table, shard);
  return copy?.state === 'done' && copy.generation > generation;
}

class Replay {
  readonly #run: ValidatedRun;
  readonly #sink: Sink;
  readonly #position: Position;
  readonly #versions = new VersionRegistry();
  readonly #told = new Set<unknown>();

  constructor(run: ValidatedRun, sink: Sink, position: Position) {
    this.#run = run;
    this.#sink = sink;
    this.#position = position;
  }

  async one(letter: DeadLetter, context: ApplyContext, { clock, random }: Pick<ReplayOptions, 'clock' | 'random'>): Promise<LetterOutcome> {
    const { logger } = this.#run;
    try {
      const record = recordOf(letter, this.#run, this.#versions);
      // The row may be here because the filter could not be evaluated then.
      if (applyFilter([record]).length === 0) return { kind: 'filtered' };
      const batch = batchOf(record, this.#position);
      decodeAll(batch);
      const { schema } = record;
      if (!this.#told.has(schema)) {
        const { keyspace, table, shard } = record;
        await this.#sink.schema?.({ kind: 'columns', keyspace, table, shard, from: undefined, to: schema, statement: undefined }, context);
        this.#told.add(schema);
      }
      await applyBatch(this.#sink, asBatch(batch), context, { clock, random, logger, retryMs: RETRY_MS });
      return { kind: 'replayed' };
    } catch (error) {
      return { kind: 'failed', error: VStreamError.from(error, 'SINK_FAILED') };
    }
  }
}

/** The change of a letter, to be decoded as the options of now say. */
export function recordOf(
  letter: DeadLetter,
  stream: Pick<ValidatedStream, 'selection' | 'types' | 'images'>,
  versions: VersionRegistry,
): ChangeRecord {
  const { keyspace, table, shard, generation, rowImage, op, gtid, commitTime, phase, reshards, ordinal } = letter;
  const entry = entryFor(stream.selection, { keyspace, table });
  if (!entry) {
    throw new VStreamError('TABLE_NOT_FOUND', `${keyspace}.${table} is not a table of this stream any more`, {
      keyspace,
      table,
      next: 'Add it to `tables`.',
    });
  }
  const field = readMessage(FieldEventSchema, Buffer.from(letter.field, 'base64'));
  const { types, images } = stream;
  const decoding = decodeOptionsOf(entry.definition, { types, images, rowImage });
  const version = versions.intern(field, { keyspace, table });
  const decoder = compileDecoder(field, { keyspace, table, shard }, decoding, version);
  const before = bytesOf(letter.before);
  const after = bytesOf(letter.after);
  const split = before?.length ?? 0;
  const context = {
    keyspace,
    shard,
    table,
    decoder,
    version,
    generation,
    filter: entry.definition.where === undefined ? undefined : compileFilter(entry.definition.where, decoder),
    origin: { field: Buffer.from(letter.field, 'base64').toString('latin1'), rowImage },
  };
  const group = { gtid, commitTime, phase, reshards, shardGtid: '', transactions: BigInt(letter.transactions) };
  return new ChangeRecord(
    context,
    group,
    Buffer.concat([before ?? Buffer.alloc(0), after ?? Buffer.alloc(0)]),
    before ? 0 : -1,
    before ? split : -1,
    after ? split : -1,
    after ? split + after.length : -1,
    bitmapOf(letter.dataColumns),
    bitmapOf(letter.jsonPartial),
    ordinal,
    op,
  );
}

function batchOf(record: ChangeRecord, position: Position): StreamBatch {
  const { keyspace, table, shard, generation, gtid, commitTime } = record;
  const changes = [record];
  const bytes = record.buffer.length;
  if (record.copied) return new StreamBatch({ kind: 'copy', position, bytes, changes, copy: { keyspace, table, shard, generation } });
  return new StreamBatch({
    kind: 'transactions',
    position,
    bytes,
    changes,
    transactions: [{ keyspace, shard, gtid, commitTime, changes }],
  });
}

function bytesOf(base64: string | undefined): Buffer | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

function bitmapOf(letter: LetterBitmap | undefined): { count: number; bits: Uint8Array } | undefined {
  return letter && { count: letter.count, bits: Buffer.from(letter.bits, 'base64') };
}
