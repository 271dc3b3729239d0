/**
 * Messages between the socket and the consumer: bounded, pull-based, one promise a message at most. Layer 2.
 *
 * The producer asks `room` before it reads on, and is called back through `onRoom` when the consumer took enough. What arrived
 * before a failure is delivered before it.
 */
import { deferred, type Deferred } from '../internal/async.js';
import { VStreamError } from '../errors.js';

/** Reading stops once this many bytes wait: about two packets of `vstream_packet_size` (250 kB). One huge message fills it alone. */
const READ_AHEAD_BYTES = 512 * 1024;
/** And at this many messages, so that tiny ones are taken in runs. */
const READ_AHEAD_MESSAGES = 64;

const DONE: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined };

export class MessageQueue {
  /** Called once after a `room()` that said no, as soon as there is room. */
  onRoom: () => void = () => {};
  /** Called once, when nothing more will be pushed: ended, failed or discarded. */
  onFinish: () => void = () => {};
  /** Called with the length of each message as it is handed to the consumer. */
  onTake: (bytes: number) => void = () => {};
  #waiting: Uint8Array[] = [];
  #head = 0;
  #bytes = 0;
  #refused = false;
  #ended = false;
  #error: VStreamError | undefined;
  #taker: Deferred<IteratorResult<Uint8Array, undefined>> | undefined;

  /** True when the producer may read one more message; otherwise `onRoom` will be called. */
  room(): boolean {
    const free = this.#bytes < READ_AHEAD_BYTES && this.#waiting.length - this.#head < READ_AHEAD_MESSAGES;
    this.#refused = !free;
    return free;
  }

  push(message: Uint8Array): void {
    if (this.#ended) return;
    const taker = this.#taker;
    if (taker) {
      this.#taker = undefined;
      this.onTake(message.length);
      taker.resolve({ done: false, value: message });
      return;
    }
    this.#waiting.push(message);
    this.#bytes += message.length;
  }

  /** The server is done. */
  end(): void {
    this.#finish(undefined);
  }

  /** Later failures are ignored: the first one is the cause. */
  fail(error: VStreamError): void {
    this.#finish(error);
  }

  /** Drops what waits and ends: the consumer left, or asked to stop and gets `error`. */
  discard(error?: VStreamError): void {
    this.#waiting = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#error = undefined;
    this.#finish(error);
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const message = this.#waiting[this.#head];
    if (message) {
      this.#head += 1;
      this.#bytes -= message.length;
      if (this.#head === this.#waiting.length) {
        this.#waiting = [];
        this.#head = 0;
      }
      this.onTake(message.length);
      if (this.#refused && this.room()) this.onRoom();
      return Promise.resolve({ done: false, value: message });
    }
    if (this.#ended) {
      const error = this.#error;
      this.#error = undefined;
      return error ? Promise.reject(error) : Promise.resolve(DONE);
    }
    if (this.#taker) {
      return Promise.reject(new VStreamError('INTERNAL', 'a stream was asked for a message while another request waits'));
    }
    this.#taker = deferred<IteratorResult<Uint8Array, undefined>>();
    return this.#taker.promise;
  }

  #finish(error: VStreamError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    const taker = this.#taker;
    this.#taker = undefined;
    if (!taker) this.#error = error;
    else if (error) taker.reject(error);
    else taker.resolve(DONE);
    this.onFinish();
  }
}
