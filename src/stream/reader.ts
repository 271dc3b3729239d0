/** Pulls messages of one RPC with a limit on how long to wait, without losing a message that comes later. Layer 3. */
import type { Clock } from '../internal/clock.js';

/** `quiet`: nothing came in time; the read stays under way and is picked up by the next call. */
export type ReadResult = { readonly kind: 'message'; readonly message: Buffer } | { readonly kind: 'quiet' } | { readonly kind: 'end' };

const QUIET: ReadResult = { kind: 'quiet' };
const END: ReadResult = { kind: 'end' };

export class MessageReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #clock: Clock;
  #pending: Promise<ReadResult> | undefined;

  constructor(messages: AsyncIterable<Uint8Array>, clock: Clock) {
    this.#iterator = messages[Symbol.asyncIterator]();
    this.#clock = clock;
  }

  /** The next message, or `quiet` after `waitMs`; 0 asks only for what has already arrived. */
  async next(waitMs: number): Promise<ReadResult> {
    this.#pending ??= this.#read();
    let cancel: (() => void) | undefined;
    const quiet = new Promise<ReadResult>((resolve) => {
      if (waitMs > 0) cancel = this.#clock.after(waitMs, () => resolve(QUIET));
      else setImmediate(resolve, QUIET);
    });
    try {
      const result = await Promise.race([this.#pending, quiet]);
      if (result !== QUIET) this.#pending = undefined;
      return result;
    } catch (error) {
      this.#pending = undefined;
      throw error;
    } finally {
      cancel?.();
    }
  }

  async #read(): Promise<ReadResult> {
    const { done, value } = await this.#iterator.next();
    return done ? END : { kind: 'message', message: asBuffer(value) };
  }

  /** Cancels the RPC. A read still under way ends unheard. */
  async close(): Promise<void> {
    this.#pending?.catch(() => {});
    this.#pending = undefined;
    await this.#iterator.return?.();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
