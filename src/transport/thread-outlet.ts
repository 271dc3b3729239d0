/** One stream inside the thread of the socket: passes messages on as far as the consumer has room. Layer 2. */
import { deferred, type Deferred } from '../internal/async.js';

/** What may be under way to the consumer, as much as a stream without a thread reads ahead (message-queue.ts); one huge message fills it alone. */
export const WINDOW_BYTES = 512 * 1024;
export const WINDOW_MESSAGES = 64;

export type SendMessages = (messages: readonly Uint8Array<ArrayBuffer>[]) => void;

export class Outlet {
  /** Cancels the RPC. */
  readonly stop = new AbortController();
  readonly #send: SendMessages;
  #bytes = 0;
  #messages = 0;
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #room: Deferred<void> | undefined;

  constructor(send: SendMessages) {
    this.#send = send;
  }

  /** Resolves when the stream ended and everything was sent; rejects with its error, after what came before it was sent. */
  async run(messages: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const message of messages) {
        this.#add(message);
        while (this.#full && !this.stop.signal.aborted) {
          this.#room = deferred();
          await this.#room.promise;
        }
      }
    } finally {
      this.#flush();
    }
  }

  /** The consumer took some. */
  took(messages: number, bytes: number): void {
    this.#messages -= messages;
    this.#bytes -= bytes;
    if (!this.#full) this.#room?.resolve();
  }

  cancel(): void {
    this.stop.abort();
    this.#room?.resolve();
  }

  get #full(): boolean {
    return this.#bytes >= WINDOW_BYTES || this.#messages >= WINDOW_MESSAGES;
  }

  #add(message: Uint8Array): void {
    this.#messages += 1;
    this.#bytes += message.length;
    // Small messages that arrive together travel together.
    if (this.#waiting.push(ownMemory(message)) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const messages = this.#waiting;
    this.#waiting = [];
    if (!this.stop.signal.aborted) this.#send(messages);
  }
}

/** Only whole buffers can be given away: Node takes small ones from a pool that others read. */
function ownMemory(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = message;
  const whole = buffer instanceof ArrayBuffer && message.byteLength === buffer.byteLength && message.byteLength >= Buffer.poolSize;
  return whole ? new Uint8Array(buffer) : new Uint8Array(message);
}
