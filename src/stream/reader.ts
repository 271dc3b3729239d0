/** Pulls messages of one RPC with a limit on how long to wait, without losing a message that comes later. Layer 3. */
import type { Clock } from '../internal/clock.js';

/** `quiet`: nothing came in time; the read stays under way and is picked up by the next call. */
export type ReadResult = { readonly kind: 'message'; readonly message: Buffer } | { readonly kind: 'quiet' } | { readonly kind: 'end' };

type Outcome = ReadResult | { readonly kind: 'failed'; readonly error: unknown };

const QUIET: ReadResult = { kind: 'quiet' };
const END: ReadResult = { kind: 'end' };

export class MessageReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #clock: Clock;
  #reading = false;
  /** Of the read that ended last, until it is handed out. */
  #outcome: Outcome | undefined;
  #wake: (() => void) | undefined;

  constructor(messages: AsyncIterable<Uint8Array>, clock: Clock) {
    this.#iterator = messages[Symbol.asyncIterator]();
    this.#clock = clock;
  }

  /** The next message, or `quiet` after `waitMs`; 0 asks only for what has already arrived. Rejects with the stream's error. */
  async next(waitMs: number): Promise<ReadResult> {
    this.#start();
    if (!this.#outcome) await this.#wait(waitMs);
    const outcome = this.#outcome;
    if (!outcome) return QUIET;
    this.#outcome = undefined;
    if (outcome.kind === 'failed') throw outcome.error;
    return outcome;
  }

  #start(): void {
    if (this.#reading || this.#outcome) return;
    this.#reading = true;
    const settle = (outcome: Outcome): void => {
      this.#reading = false;
      this.#outcome = outcome;
      this.#wake?.();
    };
    this.#iterator.next().then(
      ({ done, value }) => settle(done ? END : { kind: 'message', message: asBuffer(value) }),
      (error: unknown) => settle({ kind: 'failed', error }),
    );
  }

  async #wait(waitMs: number): Promise<void> {
    let cancel = (): void => {};
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (waitMs > 0) cancel = this.#clock.after(waitMs, resolve);
      else {
        // What is in the queue already arrives in the microtasks before.
        const immediate = setImmediate(resolve);
        cancel = () => clearImmediate(immediate);
      }
    });
    this.#wake = undefined;
    cancel();
  }

  /** Cancels the RPC. A read still under way ends unheard. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
