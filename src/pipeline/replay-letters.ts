/** Decodes dead letters with the present client and applies them to the stream's sink, as its owner. Layer 4. */
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { Recorder } from '../observe/recorder.js';
import type { Position } from '../position/position.js';
import { decodeOptionsOf } from '../schema/define.js';
import { compileDecoder } from '../schema/row-decoder.js';
import { VersionRegistry } from '../schema/versions.js';
import { asBatch, decodeAll, StreamBatch } from '../stream/batch.js';
import { ChangeRecord } from '../stream/record.js';
import { entryFor } from '../stream/selection.js';
import type { ValidatedStream } from '../stream/validated.js';
import { FieldEventSchema } from '../wire/gen/binlogdata_pb.js';
import { readMessage } from '../wire/message.js';
import { applyBatch } from './apply.js';
import { decideBegin } from './begin.js';
import type { DeadLetter, LetterBitmap } from './dead-letter.js';
import { handlerSink } from './handler-sink.js';
import { openOwned } from './owned.js';
import type { ApplyContext, Sink } from './sink.js';
import type { ValidatedRun } from './validate.js';

export interface ReplayOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Awaited after each letter, so that it is closed before the next one is tried. */
  settled(letter: DeadLetter, outcome: LetterOutcome): Promise<void>;
}

export type LetterOutcome =
  | { readonly kind: 'replayed' }
  /** The table was copied again since, or the stream began anew: the row is there in its present state. */
  | { readonly kind: 'superseded' }
  | { readonly kind: 'failed'; readonly error: VStreamError };

/** Tries of one row at the sink. */
const TRIES = 3;

/**
 * Applies the letters in order, one batch each, at the stream's stored position: which does not move. A row is written as it was
 * then; what happened to it later is not undone by a sink that orders by `sequence` and is by one that does not.
 * @throws VStreamError `LEASE_HELD` while the stream runs; what the sink throws when it cannot be opened
 */
export async function replayLetters(run: ValidatedRun, letters: readonly DeadLetter[], options: ReplayOptions): Promise<void> {
  const { clock, random, signal, settled } = options;
  const sink = run.sink.kind === 'sink' ? run.sink.sink : handlerSink(run.sink.handler);
  const owned = await openOwned(run, { ...run, wait: false, clock, random, recorder: new Recorder(clock), signal });
  try {
    const { claim, record, lost } = owned.ownership;
    const context: ApplyContext = { epoch: claim.epoch, signal: AbortSignal.any([signal, lost]) };
    const opened = await sink.open({
      name: run.name,
      incarnation: claim.incarnation,
      epoch: claim.epoch,
      logger: run.logger,
      signal: context.signal,
    });
    const { position } = decideBegin({
      name: run.name,
      incarnation: claim.incarnation,
      statePosition: record.position,
      capabilities: sink.capabilities,
      sinkPosition: opened.position,
      sinkIncarnation: opened.incarnation ?? (opened.position ? claim.incarnation : undefined),
    });
    if (!position) {
      throw new VStreamError('STATE_NOT_FOUND', `stream ${run.name} has no position: there is nothing to replay into`, {
        next: 'Run it once; a copy brings these rows as they are now.',
      });
    }
    const replay = new Replay(run, sink, position);
    for (const letter of letters) {
      if (context.signal.aborted) return;
      const isOver = letter.incarnation !== claim.incarnation || isCopiedSince(letter, position);
      await owned.ownership.whenHeld();
      const outcome: LetterOutcome = isOver ? { kind: 'superseded' } : await replay.one(letter, context, { clock, random });
      if (outcome.kind === 'failed' && context.signal.aborted) return;
      await settled(letter, outcome);
    }
  } finally {
    await sink.close().catch((error: unknown) => run.logger.warn({ error: String(error) }, 'the sink did not close cleanly'));
    await owned.close();
  }
}

function isCopiedSince({ keyspace, table, shard, generation }: DeadLetter, { plan }: Position): boolean {
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
      const batch = batchOf(record, this.#position);
      decodeAll(batch);
      const { schema } = record;
      if (!this.#told.has(schema)) {
        const { keyspace, table, shard } = record;
        await this.#sink.schema?.({ kind: 'columns', keyspace, table, shard, from: undefined, to: schema, statement: undefined }, context);
        this.#told.add(schema);
      }
      await applyBatch(this.#sink, asBatch(batch), context, { clock, random, logger, tries: TRIES });
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
