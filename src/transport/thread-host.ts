/** The side of the socket: a transport that is used by messages. Layer 2; runs in the thread (thread-worker.ts). */
import type { MessagePort } from 'node:worker_threads';
import { VStreamError } from '../errors.js';
import { deferred, type Deferred } from '../internal/async.js';
import type { Logger } from '../observe/logger.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import { errorFromData, errorToData } from './error-data.js';
import { createTransport } from './grpc.js';
import type { FromThread, ThreadData, ToThread } from './thread-messages.js';
import { Outlet } from './thread-outlet.js';
import type { ExecuteCall, Transport } from './transport.js';

export class ThreadHost {
  readonly #port: MessagePort;
  readonly #transport: Transport;
  readonly #outlets = new Map<number, Outlet>();
  readonly #statements = new Map<number, AbortController>();
  readonly #asked = new Map<number, Deferred<Record<string, string>>>();
  #asks = 0;

  constructor(port: MessagePort, data: ThreadData) {
    this.#port = port;
    const { connectTimeoutMs, executeTimeoutMs } = data;
    const source = data.asksMetadata ? { ...data.source, auth: { metadata: () => this.#askMetadata() } } : data.source;
    this.#transport = createTransport(source, { logger: this.#logger(), connectTimeoutMs, executeTimeoutMs });
    port.on('message', (message: ToThread) => this.#receive(message));
    this.#post({ type: 'ready' });
  }

  #receive(message: ToThread): void {
    switch (message.type) {
      case 'open':
        void this.#open(message.call, message.request);
        return;
      case 'took':
        this.#outlets.get(message.call)?.took(message.messages, message.bytes);
        return;
      case 'execute':
        void this.#execute(message.call, message.statement);
        return;
      case 'cancel':
        this.#outlets.get(message.call)?.cancel();
        this.#statements.get(message.call)?.abort();
        return;
      case 'metadata':
        this.#answered(message.ask)?.resolve(message.entries);
        return;
      case 'no-metadata':
        this.#answered(message.ask)?.reject(errorFromData(message.error));
        return;
      case 'rotate':
        this.#transport.rotate();
        return;
      case 'close':
        void this.#close();
    }
  }

  async #open(call: number, request: VStreamRequest): Promise<void> {
    const outlet = new Outlet((messages) => {
      const transfer = messages.map(({ buffer }) => buffer);
      this.#port.postMessage({ type: 'messages', call, messages } satisfies FromThread, transfer);
    });
    this.#outlets.set(call, outlet);
    try {
      await outlet.run(this.#transport.open(request, { signal: outlet.stop.signal }));
      this.#post({ type: 'ended', call, error: undefined });
    } catch (error) {
      this.#post({ type: 'ended', call, error: errorToData(error) });
    } finally {
      this.#outlets.delete(call);
    }
  }

  async #execute(call: number, statement: ExecuteCall): Promise<void> {
    const stop = new AbortController();
    this.#statements.set(call, stop);
    const before = this.#transport.address;
    const answer = await this.#transport.execute(statement, { signal: stop.signal }).then(
      (result): FromThread => ({ type: 'executed', call, result }),
      (error: unknown): FromThread => ({ type: 'failed', call, error: errorToData(error) }),
    );
    this.#statements.delete(call);
    const { address } = this.#transport;
    if (address !== before) this.#post({ type: 'address', address });
    this.#post(answer);
  }

  async #close(): Promise<void> {
    await this.#transport.close();
    // The cancellations are written in this turn of the event loop.
    setImmediate(() => this.#post({ type: 'closed' }));
  }

  #askMetadata(): Promise<Record<string, string>> {
    const ask = ++this.#asks;
    const answer = deferred<Record<string, string>>();
    this.#asked.set(ask, answer);
    this.#post({ type: 'metadata', ask });
    return answer.promise;
  }

  #answered(ask: number): Deferred<Record<string, string>> | undefined {
    const answer = this.#asked.get(ask);
    this.#asked.delete(ask);
    return answer;
  }

  #logger(): Logger {
    const at =
      (level: keyof Logger) =>
      (fields: Record<string, unknown>, text: string): void =>
        this.#post({ type: 'log', level, fields, text });
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }

  #post(message: FromThread): void {
    this.#port.postMessage(message, []);
  }
}

/** @throws VStreamError `INTERNAL` outside a worker thread */
export function hostOf(port: MessagePort | null, data: ThreadData): ThreadHost {
  if (!port) throw new VStreamError('INTERNAL', 'the file of the thread of the socket was loaded outside a thread');
  return new ThreadHost(port, data);
}
