/** From the stream into the sink, batch by batch, each followed by its position. Layer 4. */
import type { Clock } from '../internal/clock.js';
import type { VStreamError } from '../errors.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';
import type { Ownership } from '../ownership/ownership.js';
import { asBatch, type StreamBatch } from '../stream/batch.js';
import { applyBatch, whereIs } from './apply.js';
import type { BadRows } from './bad-rows.js';
import type { Checkpoints, WriteTime } from './checkpoints.js';
import { sayingHowLong } from './long-wait.js';
import type { Pause } from './pause.js';
import { ReadAhead } from './read-ahead.js';
import type { ApplyContext, Sink } from './sink.js';
import type { Taken } from './taken.js';

interface Parts {
  readonly sink: Sink;
  readonly badRows: BadRows;
  readonly ownership: Ownership;
  readonly checkpoints: Checkpoints;
  readonly context: ApplyContext;
  /** Ends a pause; nothing is written afterwards. */
  readonly stop: AbortSignal;
  readonly pause: Pause;
  readonly taken: Taken;
  readonly recorder: Recorder;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly retryMs: number;
}

/** One batch ahead: the next is read and decoded while the sink works on this one. */
export async function pump(batches: AsyncGenerator<StreamBatch, void, void>, parts: Parts): Promise<void> {
  const { sink, badRows, ownership, checkpoints, context, stop, pause, taken, recorder, logger, clock, random, retryMs } = parts;
  const failed = (error: VStreamError | undefined): void => {
    if (error) recorder.lastError = error.toJSON();
    // With the next renewal: who looks at the state sees what the stream is at.
    ownership.offer({ lastError: error ? JSON.stringify(error.toJSON()) : null });
  };
  const ready = async (): Promise<void> => {
    await ownership.whenHeld();
    context.signal.throwIfAborted();
  };
  const options = { clock, logger, random, retryMs, ready, failed };
  const ahead = new ReadAhead(batches, taken, stop);
  for (;;) {
    const next = await ahead.next();
    if (!next) return;
    const { batch: given, round } = next;
    if (!(await pause.passed(stop))) return void (await batches.return());
    ahead.ask();
    // After a pause of the whole process the lease may be over: nothing is written before it is proven ours.
    await ready();
    recorder.applyingSince = clock.monotonic();
    const applying = badRows.apply(
      given,
      (one, once) => applyBatch(sink, asBatch(one), context, once ? { ...options, retryMs: 0 } : options),
      () => ahead.coming(),
    );
    const batch = await sayingHowLong(applying, clock, (seconds) =>
      logger.warn({ seconds, ...whereIs(asBatch(given)) }, `the destination has been at one batch for ${seconds} s`),
    );
    recorder.applyingSince = undefined;
    recorder.batch(batch.changes.length, batch.bytes, batch.position);
    await checkpoints.reached(batch.position, writeTime(batch, sink));
    taken.stored(round);
  }
}

function writeTime({ kind, progress, changes, position }: StreamBatch, sink: Sink): WriteTime {
  // Before a table's first row reaches a sink without positions, the state has to tell that it has begun.
  const begins = progress?.type === 'table-start' || (progress?.type === 'position' && !position.plan.done);
  if (begins && sink.capabilities.position === 'external') return 'now';
  return changes.length > 0 || kind === 'schema' || progress?.type === 'table-end' ? 'due' : 'renewal';
}
