/** Hands batches out in order, with what has to be said between them: progress, the start of a table, the end of the copy. Layer 3. */
import type { Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';
import { keyRangeOf } from '../schema/key-range.js';
import type { TableRef } from '../schema/table.js';
import type { Assembler } from './assembler.js';
import { decodeAll, type StreamBatch } from './batch.js';
import { CopyNews } from './copy-news.js';
import type { Gaps } from './gaps.js';
import type { Watch } from './watch.js';

export interface DeliveryOptions {
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly logger: Logger;
  /** Milliseconds between two progress batches of a stream without rows. */
  readonly progressMs: number;
  /** Rows are decoded here, before they are handed out. */
  readonly decodes: boolean;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #assembler: Assembler;
  readonly #gaps: Gaps;
  readonly #news: CopyNews;
  #lastProgress = 0;
  #startedTable: string | undefined;
  #copyCompletedSaid: boolean;
  /** The watch of the RPC under way: it is told how long the consumer took. */
  watching: Watch | undefined;
  /** A batch could not be handed out, and the assembler's position is beyond it. */
  withheld = false;

  constructor(assembler: Assembler, gaps: Gaps, options: DeliveryOptions) {
    this.#assembler = assembler;
    this.#gaps = gaps;
    this.#options = options;
    this.#news = new CopyNews(options);
    this.#copyCompletedSaid = assembler.position.copied;
  }

  *handOut(batches: readonly StreamBatch[]): Generator<StreamBatch, void, void> {
    const { decodes, clock, recorder } = this.#options;
    for (const assembled of batches) {
      const position = this.#gaps.onto(assembled.position);
      const batch = position === assembled.position ? assembled : assembled.with({ position });
      this.withheld = true;
      if (decodes) decodeAll(batch);
      this.withheld = false;
      if (!recorder.position) recorder.position = batch.position;
      this.#lastProgress = clock.monotonic();
      this.#news.handed(batch);
      yield batch;
      this.watching?.consumerWasBusy(this.#lastProgress);
    }
  }

  /** Everything taken in, and the position as far as it moved. */
  *everything(): Generator<StreamBatch, void, void> {
    yield* this.handOut(this.#assembler.flush());
    yield* this.position();
  }

  /** The position, when it moved without rows. */
  *position(): Generator<StreamBatch, void, void> {
    if (this.#assembler.hasMoved) yield* this.handOut([this.#assembler.progress({ type: 'position' })]);
  }

  *progressIfDue(): Generator<StreamBatch, void, void> {
    const { clock, progressMs } = this.#options;
    if (clock.monotonic() - this.#lastProgress >= progressMs && this.#assembler.hasMoved) yield* this.everything();
  }

  /** Once for each generation of a table; not when its copy goes on. */
  *tableStart(table: TableRef): Generator<StreamBatch, void, void> {
    const entry = this.#assembler.plan.table(table.keyspace, table.table);
    const name = `${table.keyspace}.${table.table}#${entry?.generation}`;
    if (this.#startedTable === name) return;
    this.#startedTable = name;
    if (entry?.shards && Object.keys(entry.shards).length > 0) return;
    const range = entry?.range && { range: keyRangeOf(entry.range) };
    yield* this.handOut([this.#assembler.progress({ type: 'table-start', ...table, generation: entry?.generation, ...range })]);
  }

  /** Once all copies are done, until the next one is owed. */
  *copyCompleted(): Generator<StreamBatch, void, void> {
    if (this.#copyCompletedSaid) return;
    this.#copyCompletedSaid = true;
    this.#options.recorder.state = 'streaming';
    yield* this.handOut(this.#assembler.flush());
    yield* this.handOut([this.#assembler.progress({ type: 'copy-completed' })]);
  }

  /** A copy is owed again: its end is to be said. */
  copyOwed(): void {
    this.#copyCompletedSaid = false;
  }
}
