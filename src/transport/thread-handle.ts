/** The main thread's side of one thread of the socket, from its start to its end. Layer 2; loads worker_threads at first use. */
import type { Worker } from 'node:worker_threads';
import { VStreamError } from '../errors.js';
import { deferred, type Deferred } from '../internal/async.js';
import type { Logger } from '../observe/logger.js';
import type { QueryResult } from '../wire/gen/query_pb.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import { errorFromData, errorToData } from './error-data.js';
import type { MessageQueue } from './message-queue.js';
import type { FromThread, ThreadData, ToThread } from './thread-messages.js';
import { WINDOW_BYTES, WINDOW_MESSAGES } from './thread-outlet.js';
import type { ExecuteCall } from './transport.js';

export interface ThreadHooks {
  readonly logger: Logger;
  /** `auth.metadata`, where it is a function. */
  metadata(): Record<string, string> | Promise<Record<string, string>>;
  /** A statement moved to this VTGate. */
  moved(address: string): void;
  /** The thread ended without being asked to. */
  died(): void;
}

export class ThreadHandle {
  readonly #worker: Worker;
  readonly #hooks: ThreadHooks;
  readonly #streams = new Map<number, MessageQueue>();
  readonly #statements = new Map<number, Deferred<QueryResult>>();
  readonly #ready = deferred();
  readonly #closed = deferred();
  #calls = 0;
  #closing = false;
  #fault: unknown;
  #exited = false;

  private constructor(worker: Worker, hooks: ThreadHooks) {
    this.#worker = worker;
    this.#hooks = hooks;
    worker.on('message', (message: FromThread) => this.#receive(message));
    worker.on('error', (error) => {
      this.#fault = error;
    });
    worker.on('messageerror', (error) => {
      this.#fault = error;
      void worker.terminate();
    });
    worker.on('exit', () => this.#exit());
  }

  /** @throws VStreamError `CONFIG_INVALID` when no thread can be started here */
  static async start(file: URL, data: ThreadData, hooks: ThreadHooks): Promise<ThreadHandle> {
    const threads = await import('node:worker_threads');
    try {
      const worker = new threads.Worker(file, {
        workerData: data,
        // `{ env }` of a secret is read anew each time, as without a thread.
        env: threads.SHARE_ENV,
        // A thread would refuse `--input-type` of `node -e`, which it inherits.
        ...(process.execArgv.some((one) => one.startsWith('--input-type')) ? { execArgv: [] } : {}),
      });
      const handle = new ThreadHandle(worker, hooks);
      await handle.#ready.promise;
      handle.#keepAlive();
      return handle;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new VStreamError('CONFIG_INVALID', `source.socket 'thread' cannot start its thread: ${reason}`, {
        next: "Allow worker threads and leave vstream-client out of bundles, or set source.socket to 'main'.",
        cause: error,
      });
    }
  }

  /** Starts a VStream that fills `queue`; returns the function that cancels it. */
  stream(request: VStreamRequest, queue: MessageQueue): () => void {
    const call = ++this.#calls;
    if (this.#exited) {
      queue.fail(this.#lost());
      return () => {};
    }
    this.#streams.set(call, queue);
    let messages = 0;
    let bytes = 0;
    queue.onTake = (length) => {
      messages += 1;
      bytes += length;
      // Told in halves of the window: often enough for the thread never to wait for nothing.
      if (bytes < WINDOW_BYTES / 2 && messages < WINDOW_MESSAGES / 2) return;
      this.post({ type: 'took', call, messages, bytes });
      messages = 0;
      bytes = 0;
    };
    this.post({ type: 'open', call, request });
    this.#keepAlive();
    return () => {
      if (!this.#streams.delete(call)) return;
      this.post({ type: 'cancel', call });
      this.#keepAlive();
    };
  }

  async execute(statement: ExecuteCall, signal: AbortSignal): Promise<QueryResult> {
    if (this.#exited) throw this.#lost();
    if (signal.aborted) throw VStreamError.from(signal.reason, 'ABORTED');
    const call = ++this.#calls;
    const answer = deferred<QueryResult>();
    const onAbort = (): void => {
      this.post({ type: 'cancel', call });
      answer.reject(VStreamError.from(signal.reason, 'ABORTED'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#statements.set(call, answer);
    this.#keepAlive();
    try {
      // Callers may hand in more than a call has, which could not be sent.
      const { target, text, binds } = statement;
      this.post({ type: 'execute', call, statement: { target, text, ...(binds ? { binds } : {}) } });
      return await answer.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#statements.delete(call);
      this.#keepAlive();
    }
  }

  post(message: ToThread): void {
    this.#worker.postMessage(message, []);
  }

  /** Cancels what is open, closes the connection, and resolves when the thread is gone. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#keepAlive();
    this.post({ type: 'close' });
    if (!this.#exited) await this.#closed.promise;
    await this.#worker.terminate();
  }

  /** As a socket would: the process lives as long as something is under way, and no longer. */
  #keepAlive(): void {
    if (this.#closing || this.#streams.size + this.#statements.size > 0) this.#worker.ref();
    else this.#worker.unref();
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case 'ready':
        this.#ready.resolve();
        return;
      case 'messages': {
        const queue = this.#streams.get(message.call);
        for (const { buffer } of message.messages) queue?.push(Buffer.from(buffer));
        return;
      }
      case 'ended': {
        const queue = this.#streams.get(message.call);
        if (!this.#streams.delete(message.call)) return;
        this.#keepAlive();
        if (message.error) queue?.fail(VStreamError.from(errorFromData(message.error), 'INTERNAL'));
        else queue?.end();
        return;
      }
      case 'executed':
        this.#statements.get(message.call)?.resolve(message.result);
        return;
      case 'failed':
        this.#statements.get(message.call)?.reject(errorFromData(message.error));
        return;
      case 'metadata':
        void this.#giveMetadata(message.ask);
        return;
      case 'address':
        this.#hooks.moved(message.address);
        return;
      case 'log':
        this.#hooks.logger[message.level](message.fields, message.text);
        return;
      case 'closed':
        this.#closed.resolve();
    }
  }

  async #giveMetadata(ask: number): Promise<void> {
    try {
      this.post({ type: 'metadata', ask, entries: { ...(await this.#hooks.metadata()) } });
    } catch (error) {
      this.post({ type: 'no-metadata', ask, error: errorToData(error) });
    }
  }

  #exit(): void {
    this.#exited = true;
    this.#closed.resolve();
    this.#ready.reject(this.#fault ?? new Error('it ended at once'));
    const error = this.#lost();
    for (const queue of this.#streams.values()) queue.fail(error);
    for (const answer of this.#statements.values()) answer.reject(error);
    this.#streams.clear();
    if (!this.#closing) this.#hooks.died();
  }

  #lost(): VStreamError {
    const reason = this.#fault instanceof Error ? `: ${this.#fault.message}` : '';
    return new VStreamError('STREAM_LOST', `the thread that held the connection ended${reason}`, {
      next: 'The client goes on with a new thread by itself.',
      cause: this.#fault,
    });
  }
}
