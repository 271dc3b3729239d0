/** What a consumer holds of one VStream: the queue, and the RPC behind it. Layer 2. */
import { VStreamError } from '../errors.js';
import type { Linked } from './link.js';
import { MessageQueue } from './message-queue.js';

/** Begins one RPC that fills the queue; resolves with the function that cancels it. */
export type Start = (queue: MessageQueue, signal: AbortSignal) => Promise<() => void>;

/** One VStream: starts at the first `next`, cancels at `return`, at an abort and at its end. */
export class StreamIterator implements AsyncIterator<Uint8Array, undefined> {
  readonly #start: Start;
  readonly #linked: Linked;
  readonly #queue = new MessageQueue();
  #started = false;

  constructor(start: Start, linked: Linked) {
    this.#start = start;
    this.#linked = linked;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#started) this.#begin();
    return this.#queue.next();
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#started = true;
    this.#queue.discard();
    this.#linked.abort();
    return Promise.resolve({ done: true, value: undefined });
  }

  #begin(): void {
    this.#started = true;
    const { signal, abort } = this.#linked;
    // What waits is dropped at an abort: the caller asked to stop, and the reason must not hide behind read-ahead.
    const stop = (): void => this.#queue.discard(VStreamError.from(signal.reason, 'ABORTED'));
    if (signal.aborted) {
      stop();
      return;
    }
    signal.addEventListener('abort', stop, { once: true });
    let finished = false;
    let cancel = (): void => {};
    this.#queue.onFinish = () => {
      finished = true;
      signal.removeEventListener('abort', stop);
      // Ends an attempt to connect that is still under way.
      abort();
      cancel();
    };
    this.#start(this.#queue, signal).then(
      (started) => {
        cancel = started;
        if (finished) cancel();
      },
      (error: unknown) => this.#queue.fail(VStreamError.from(error, 'CONNECT_FAILED')),
    );
  }
}
