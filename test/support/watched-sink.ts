/** The in-memory sink with an eye on it: tests wait for what it was given instead of sleeping. Test code only. */
import type { Batch, Position, Sink } from '../../src/index.js';
import { MemoryDestination, memorySink } from '../../src/testing/memory-sink.js';

export class WatchedSink implements Sink {
  readonly destination: MemoryDestination;
  readonly batches: Batch[] = [];
  readonly #inner: Sink;
  readonly #waiting = new Set<() => void>();
  readonly capabilities: Sink['capabilities'];

  constructor(destination = new MemoryDestination(), capabilities: Partial<Sink['capabilities']> = {}) {
    this.destination = destination;
    this.#inner = memorySink(destination);
    this.capabilities = { ...this.#inner.capabilities, ...capabilities };
  }

  get positions(): readonly Position[] {
    return this.batches.map((batch) => batch.position);
  }

  open(...args: Parameters<Sink['open']>): ReturnType<Sink['open']> {
    return this.#inner.open(...args);
  }

  async apply(...[batch, context]: Parameters<Sink['apply']>): Promise<void> {
    await this.#inner.apply(batch, context);
    this.batches.push(batch);
    for (const look of [...this.#waiting]) look();
  }

  async truncate(...args: Parameters<NonNullable<Sink['truncate']>>): Promise<void> {
    await this.#inner.truncate?.(...args);
  }

  async sweep(...args: Parameters<NonNullable<Sink['sweep']>>): Promise<number> {
    return (await this.#inner.sweep?.(...args)) ?? 0;
  }

  async sweepRange(...args: Parameters<NonNullable<Sink['sweepRange']>>): Promise<number> {
    return (await this.#inner.sweepRange?.(...args)) ?? 0;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** Resolves when `done` holds after a batch; rejects when `running` ends before that. */
  async until(done: () => boolean, running: Promise<unknown>): Promise<void> {
    if (done()) return;
    const reached = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!done()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
    await Promise.race([reached, running.then(() => Promise.reject(new Error('the stream ended before that')))]);
  }
}
