/** Watches the demonstration's sink: tells what arrives, and how long it took from the commit. */
import type { Clock } from '../internal/clock.js';
import { type Deferred, deferred } from '../internal/async.js';
import type { Logger } from '../observe/logger.js';
import type { Position } from '../position/position.js';
import type { Sink } from '../pipeline/sink.js';
import type { Batch } from '../stream/change.js';
import type { ShopOrder } from './demo-shop.js';
import { describeOrder } from './demo-text.js';
import { grouped, spoken } from '../internal/figures.js';
import type { Say } from './demo.js';
import type { Paint } from './terminal.js';

/** At most one order in this time is shown: a story, not a log. */
const SHOW_EVERY_MS = 400;

export class Observer {
  readonly #clock: Clock;
  readonly #say: Say;
  readonly #paint: Paint;
  readonly #copied = deferred();
  readonly #waiting = new Map<string, ShopOrder>();
  readonly #latencies: number[] = [];
  readonly #rowsOf = new Map<string, number>();
  #position: Position | undefined;
  #shownAt = 0;
  #cut: { readonly at: number; readonly over: Deferred<void> } | undefined;

  constructor(clock: Clock, say: Say, paint: Paint) {
    this.#clock = clock;
    this.#say = say;
    this.#paint = paint;
  }

  /** Resolves when every existing row is in the sink. */
  get copied(): Promise<void> {
    return this.#copied.promise;
  }

  /** After the last batch that is durable. */
  get position(): Position | undefined {
    return this.#position;
  }

  get measured(): number {
    return this.#latencies.length;
  }

  medianMs(): number | undefined {
    return this.#latencies.toSorted((a, b) => a - b)[Math.floor(this.#latencies.length / 2)];
  }

  /** The shop committed this order just now. */
  committed(order: ShopOrder): void {
    this.#waiting.set(String(order.id), order);
  }

  /** The next transactions are the first after a lost connection; resolves when they are durable. */
  expectResume(): Promise<void> {
    this.#cut = { at: this.#clock.monotonic(), over: deferred() };
    return this.#cut.over.promise;
  }

  /** The sink, watched: every call passes through unchanged. */
  watch(sink: Sink): Sink {
    return {
      capabilities: sink.capabilities,
      open: (context) => sink.open(context),
      ...(sink.schema ? { schema: (change, context) => sink.schema?.(change, context) ?? Promise.resolve() } : {}),
      apply: async (batch, context) => {
        await sink.apply(batch, context);
        await this.#durable(batch);
      },
      ...(sink.truncate ? { truncate: (table, shard, context) => sink.truncate?.(table, shard, context) ?? Promise.resolve() } : {}),
      ...(sink.sweep
        ? { sweep: (table, shard, generation, context) => sink.sweep?.(table, shard, generation, context) ?? Promise.resolve(0) }
        : {}),
      close: () => sink.close(),
    };
  }

  /** The library's words go behind the story: a cut connection is part of it. */
  logger(logger: Logger): Logger {
    return { ...logger, info: (fields, text) => logger.debug(fields, text), warn: (fields, text) => logger.debug(fields, text) };
  }

  async #durable(batch: Batch): Promise<void> {
    this.#position = batch.position;
    if (batch.kind === 'copy') this.#count(batch);
    if (batch.kind === 'progress') await this.#progressed(batch);
    if (batch.kind === 'transactions') await this.#arrived(batch);
  }

  #count({ copy, changes }: Batch): void {
    if (copy) this.#rowsOf.set(copy.table, (this.#rowsOf.get(copy.table) ?? 0) + changes.length);
  }

  async #progressed({ progress, position }: Batch): Promise<void> {
    const { type, keyspace = '', table = '' } = progress ?? {};
    // Ends come per shard; the plan knows when the last one was.
    if (type === 'table-end' && position.plan.isDone(keyspace, table) && this.#rowsOf.has(table)) {
      await this.#say(`  copied ${table.padEnd(12)} ${grouped(this.#rowsOf.get(table) ?? 0).padStart(7)} rows`);
      this.#rowsOf.delete(table);
    }
    if (position.copied) this.#copied.resolve();
  }

  async #arrived(batch: Batch): Promise<void> {
    const now = this.#clock.monotonic();
    await this.#resumed(batch, now);
    for (const change of batch.changes) {
      if (change.table !== 'orders' || change.op !== 'insert') continue;
      const id = String(change.key?.['id']);
      const order = this.#waiting.get(id);
      if (!order) continue;
      this.#waiting.delete(id);
      this.#latencies.push(now - order.at);
      if (now - this.#shownAt < SHOW_EVERY_MS) continue;
      this.#shownAt = now;
      await this.#say(`  ${describeOrder(order)}  ${this.#paint('faint', `durable after ${(now - order.at).toFixed(1)} ms`)}`);
    }
  }

  async #resumed(batch: Batch, now: number): Promise<void> {
    if (!this.#cut) return;
    const { at, over } = this.#cut;
    // A batch read before the cut may still be on its way to the sink: only a later order shows that the stream is back.
    const isLater = (id: unknown): boolean => (this.#waiting.get(String(id))?.at ?? Number.NEGATIVE_INFINITY) >= at;
    if (!batch.changes.some((change) => change.table === 'orders' && change.op === 'insert' && isLater(change.key?.['id']))) return;
    this.#cut = undefined;
    const from = batch.transactions[0]?.gtid ?? 'what came meanwhile';
    await this.#say(this.#paint('green', `  resumed after ${spoken((now - at) / 1000)} from the stored position, going on with ${from}`));
    over.resolve();
  }
}
