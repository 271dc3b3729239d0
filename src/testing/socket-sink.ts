/** A sink that writes to a sink server, from any process of this machine. Layer 6. */
import { connect, type Socket } from 'node:net';
import { type ErrorCode, VStreamError } from '../errors.js';
import { must } from '../internal/must.js';
import type { ApplyContext, Sink, SinkCapabilities, SinkOpenContext } from '../pipeline/sink.js';
import { Position } from '../position/position.js';
import type { KeyRange } from '../schema/key-range.js';
import type { TableRef } from '../schema/table.js';
import type { Batch, SchemaChange } from '../stream/change.js';
import { readMessages, sendBatch, sendMessage, type SinkReply, type SinkRequest } from './sink-wire.js';

/** `address` as `startSinkServer` gives it. Stores positions and epochs, so each change is applied exactly once. */
export function socketSink(address: string): Sink {
  return new SocketSink(address);
}

class SocketSink implements Sink {
  readonly capabilities: SinkCapabilities = { position: 'stored', deletes: true, sweep: true, schema: 'evolve' };
  readonly #address: string;
  #connection: Connection | undefined;
  #owner: { readonly name: string; readonly incarnation: string; readonly epoch: bigint } | undefined;

  constructor(address: string) {
    this.#address = address;
  }

  async open({
    name,
    incarnation,
    epoch,
    signal,
  }: SinkOpenContext): Promise<{ position?: Position | undefined; incarnation?: string | undefined }> {
    this.#owner = { name, incarnation, epoch };
    const { position, found } = await this.#connect(signal);
    return { position: position === undefined ? undefined : Position.parse(position), incarnation: found };
  }

  async schema(change: SchemaChange, context: ApplyContext): Promise<void> {
    await this.#call({ method: 'schema', epoch: context.epoch, change }, context.signal);
  }

  async apply(batch: Batch, context: ApplyContext): Promise<void> {
    await this.#call({ method: 'apply', epoch: context.epoch, batch: sendBatch(batch) }, context.signal);
  }

  async truncate(table: TableRef, shard: string, context: ApplyContext): Promise<void> {
    await this.#call({ method: 'truncate', epoch: context.epoch, table: nameOf(table), shard }, context.signal);
  }

  async sweep(table: TableRef, shard: string, generation: number, context: ApplyContext): Promise<number> {
    return Number(await this.#call({ method: 'sweep', epoch: context.epoch, table: nameOf(table), shard, generation }, context.signal));
  }

  async sweepRange(table: TableRef, shard: string, generation: number, range: KeyRange, context: ApplyContext): Promise<number> {
    const request = { method: 'sweepRange', epoch: context.epoch, table: nameOf(table), shard, generation, range } as const;
    return Number(await this.#call(request, context.signal));
  }

  async close(): Promise<void> {
    await this.#connection?.close();
    this.#connection = undefined;
  }

  async #connect(signal: AbortSignal): Promise<{ position: string | undefined; found: string | undefined }> {
    await this.#connection?.close();
    this.#connection = await Connection.open(this.#address, signal);
    const answer = await this.#connection.call({ method: 'open', ...must(this.#owner, 'an open sink') }, signal);
    const { position, incarnation } = answer as { position: string | undefined; incarnation: string | undefined };
    return { position, found: incarnation };
  }

  /** After a lost connection the next call is made on a new one, under the same epoch. */
  async #call(request: SinkRequest, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) throw new VStreamError('ABORTED', 'writing was aborted', { cause: signal.reason });
    if (!this.#connection || this.#connection.lost) await this.#connect(signal);
    return must(this.#connection, 'a connection').call(request, signal);
  }
}

const nameOf = ({ keyspace, table }: TableRef): TableRef => ({ keyspace, table });

class Connection {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #closed: Promise<void>;
  readonly #waiting: ((reply: SinkReply | undefined) => void)[] = [];
  lost = false;

  private constructor(socket: Socket, address: string) {
    this.#socket = socket;
    this.#address = address;
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    readMessages(socket, (message) => this.#waiting.shift()?.(message as SinkReply));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.lost = true;
      for (const answer of this.#waiting.splice(0)) answer(undefined);
    });
  }

  static open(address: string, signal: AbortSignal): Promise<Connection> {
    const [host = '', port] = address.split(':');
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port: Number(port), noDelay: true, signal });
      socket.once('error', (cause) => reject(failed(address, cause)));
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        resolve(new Connection(socket, address));
      });
    });
  }

  /** An abort gives up waiting; what was sent may still be carried out, as with any server. */
  call(request: SinkRequest, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(new VStreamError('ABORTED', 'writing was aborted', { cause: signal.reason }));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push((reply) => {
        signal.removeEventListener('abort', onAbort);
        if (!reply) reject(failed(this.#address, new Error('the connection was lost')));
        else if (reply.error) reject(errorOf(reply.error));
        else resolve(reply.result);
      });
      if (this.lost) this.#waiting.pop()?.(undefined);
      else sendMessage(this.#socket, request);
    });
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
  }
}

function failed(address: string, cause: unknown): VStreamError {
  return new VStreamError(
    'SINK_FAILED',
    `the sink server at ${address} cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      category: 'retry',
      next: 'Check that it runs.',
      cause,
    },
  );
}

function errorOf({ code, message, next }: NonNullable<SinkReply['error']>): VStreamError {
  return new VStreamError(code as ErrorCode, message, next === undefined ? {} : { next });
}
