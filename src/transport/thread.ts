/**
 * The transport behind `source.socket: 'thread'`: the connection lives in a worker thread, which answers the server's pings and
 * goes on receiving while this thread's event loop is blocked (measured.md section 4). Layer 2.
 *
 * Messages come as transferred memory, never copied between the threads; at most `WINDOW_BYTES` and one message are under way.
 */
import { VStreamError } from '../errors.js';
import { raceAbort } from '../internal/async.js';
import { silentLogger, type Logger } from '../observe/logger.js';
import type { QueryResult } from '../wire/gen/query_pb.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import { addressesOf } from './grpc.js';
import { link } from './link.js';
import type { ConnectOptions } from './options.js';
import { StreamIterator, type Start } from './stream-iterator.js';
import { ThreadHandle } from './thread-handle.js';
import type { ThreadData } from './thread-messages.js';
import type { CallOptions, ExecuteCall, Transport } from './transport.js';

export interface ThreadTransportOptions {
  readonly logger?: Logger | undefined;
  /** As for `createTransport`. */
  readonly connectTimeoutMs?: number | undefined;
  readonly executeTimeoutMs?: number | undefined;
  /** The compiled thread-worker. Default: beside this file. */
  readonly file?: URL | undefined;
}

/**
 * Starts nothing: the first call starts the thread, which connects.
 * @throws VStreamError `CONFIG_INVALID` without an address
 */
export function createThreadTransport(source: ConnectOptions, options: ThreadTransportOptions = {}): Transport {
  return new ThreadTransport(source, options);
}

class ThreadTransport implements Transport {
  readonly #source: ConnectOptions;
  readonly #addresses: readonly string[];
  readonly #options: ThreadTransportOptions;
  readonly #closing = new AbortController();
  #index = 0;
  #thread: Promise<ThreadHandle> | undefined;
  #closed: Promise<void> | undefined;

  constructor(source: ConnectOptions, options: ThreadTransportOptions) {
    this.#source = source;
    this.#addresses = addressesOf(source);
    this.#options = options;
  }

  get address(): string {
    return this.#addresses[this.#index] ?? '';
  }

  open(request: VStreamRequest, options: CallOptions = {}): AsyncIterable<Uint8Array> {
    const start: Start = async (queue, signal) => (await raceAbort(this.#started(), signal)).stream(request, queue);
    return { [Symbol.asyncIterator]: () => new StreamIterator(start, link(this.#closing.signal, options.signal)) };
  }

  async execute(call: ExecuteCall, options: CallOptions = {}): Promise<QueryResult> {
    const linked = link(this.#closing.signal, options.signal);
    try {
      if (linked.signal.aborted) throw linked.signal.reason;
      const thread = await raceAbort(this.#started(), linked.signal);
      return await thread.execute(call, linked.signal);
    } catch (error) {
      throw VStreamError.from(error, linked.signal.aborted ? 'ABORTED' : 'INTERNAL');
    } finally {
      linked.abort();
    }
  }

  rotate(): string {
    if (this.#addresses.length > 1) {
      this.#index = (this.#index + 1) % this.#addresses.length;
      this.#thread?.then((thread) => thread.post({ type: 'rotate' })).catch(() => {});
    }
    return this.address;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort(new VStreamError('ABORTED', 'the transport is closed'));
    const thread = this.#thread;
    this.#thread = undefined;
    await (await thread?.catch(() => undefined))?.close();
  }

  #started(): Promise<ThreadHandle> {
    this.#thread ??= this.#start();
    return this.#thread;
  }

  #start(): Promise<ThreadHandle> {
    const { auth, ...rest } = this.#source;
    const metadata = auth && 'metadata' in auth && typeof auth.metadata === 'function' ? auth.metadata : undefined;
    const data: ThreadData = {
      source: {
        ...rest,
        ...(auth && !metadata ? { auth } : {}),
        // A thread that replaces another one begins where that one was.
        vtgate: [...this.#addresses.slice(this.#index), ...this.#addresses.slice(0, this.#index)],
      },
      asksMetadata: metadata !== undefined,
      connectTimeoutMs: this.#options.connectTimeoutMs,
      executeTimeoutMs: this.#options.executeTimeoutMs,
    };
    const forget = (): void => {
      if (this.#thread === started) this.#thread = undefined;
    };
    const started = ThreadHandle.start(this.#options.file ?? new URL('./thread-worker.js', import.meta.url), data, {
      logger: this.#options.logger ?? silentLogger,
      metadata: metadata ?? (() => ({})),
      moved: (address) => {
        this.#index = Math.max(this.#addresses.indexOf(address), 0);
      },
      died: forget,
    });
    started.catch(forget);
    return started;
  }
}
