/**
 * A small transactional destination behind a local socket, for tests with several processes: rows, position and epoch of a stream
 * change together or not at all, a lower epoch than the one it knows is refused, and every call is written down. Layer 6.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { VStreamError } from '../errors.js';
import { silentLogger } from '../observe/logger.js';
import type { Sink } from '../pipeline/sink.js';
import type { Position } from '../position/position.js';
import type { TableRef } from '../schema/table.js';
import { MemoryDestination, memorySink } from './memory-sink.js';
import { readMessages, receiveBatch, sendMessage, type SinkReply, type SinkRequest } from './sink-wire.js';

/** One call of a client and what became of it. */
export interface AuditEntry {
  readonly stream: string;
  readonly method: SinkRequest['method'];
  readonly epoch: bigint;
  /** Of `apply`: how many. */
  readonly changes: number;
  /** Undefined: done. Else the code of the error it was refused with (`FENCED`). */
  readonly refused: string | undefined;
}

export interface SinkServerOptions {
  /** Awaited before each call is carried out: to hold a sink at a point, or to wait for one. */
  readonly before?: ((call: { readonly method: SinkRequest['method']; readonly epoch: bigint }) => Promise<void> | void) | undefined;
}

export interface SinkServer extends AsyncDisposable {
  /** `127.0.0.1:PORT`, for `socketSink`. */
  readonly address: string;
  /** Clients connected now. */
  readonly connections: number;
  /** Every call so far, oldest first. */
  readonly audit: readonly AuditEntry[];
  /** The rows of a table, in no order. */
  rows(table: TableRef): Record<string, unknown>[];
  /** What is stored for a stream. */
  stored(stream: string): { readonly epoch: bigint; readonly incarnation: string; readonly position: Position | undefined } | undefined;
  /** Cuts all connections; clients may come back. */
  disconnect(): void;
  /** Ends all connections. Idempotent. */
  close(): Promise<void>;
}

/** Starts the destination on a free port of 127.0.0.1; close it, or declare it with `await using`. */
export async function startSinkServer(options: SinkServerOptions = {}): Promise<SinkServer> {
  const destination = new MemoryDestination();
  const audit: AuditEntry[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    serve(socket, new Session(destination, audit, options));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= end(server, sockets));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    audit,
    get connections() {
      return sockets.size;
    },
    rows: (table) => destination.rows(table),
    stored: (stream) => destination.streams.get(stream),
    disconnect: () => {
      for (const socket of sockets) socket.destroy();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function end(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  await closed;
}

/** One call after the other, as a client makes them. */
function serve(socket: Socket, session: Session): void {
  let tail = Promise.resolve();
  readMessages(socket, (message) => {
    tail = tail.then(async () => {
      const reply = await session.answer(message as SinkRequest);
      if (!socket.destroyed) sendMessage(socket, reply);
    });
  });
}

/** What one connection may do: the handle of one owner on the shared destination. */
class Session {
  readonly #sink: Sink;
  readonly #audit: AuditEntry[];
  readonly #before: SinkServerOptions['before'];
  #stream = '';

  constructor(destination: MemoryDestination, audit: AuditEntry[], options: SinkServerOptions) {
    this.#sink = memorySink(destination);
    this.#audit = audit;
    this.#before = options.before;
  }

  async answer(request: SinkRequest): Promise<SinkReply> {
    const { method, epoch } = request;
    if (request.method === 'open') this.#stream = request.name;
    const entry = { stream: this.#stream, method, epoch, changes: request.method === 'apply' ? request.batch.changes.length : 0 };
    try {
      await this.#before?.({ method, epoch });
      const result = await this.#do(request);
      this.#audit.push({ ...entry, refused: undefined });
      return { result };
    } catch (error) {
      const { code, message, next } = VStreamError.from(error, 'SINK_FAILED', { next: 'See the message.' });
      this.#audit.push({ ...entry, refused: code });
      return { error: { code, message, next } };
    }
  }

  /** The memory sink changes everything in one turn of the event loop: nobody sees half of it. */
  async #do(request: SinkRequest): Promise<unknown> {
    const context = { epoch: request.epoch, signal: new AbortController().signal };
    switch (request.method) {
      case 'open': {
        const opened = await this.#sink.open({ ...request, logger: silentLogger, signal: context.signal });
        const { position, incarnation } = opened || {};
        return { position: position && JSON.stringify(position), incarnation };
      }
      case 'apply':
        return this.#sink.apply(receiveBatch(request.batch), context);
      case 'schema':
        return this.#sink.schema?.(request.change, context);
      case 'truncate':
        return this.#sink.truncate?.(request.table, request.shard, context);
      case 'sweep':
        return this.#sink.sweep?.(request.table, request.shard, request.generation, context);
      case 'sweepRange':
        return this.#sink.sweepRange?.(request.table, request.shard, request.generation, request.range, context);
    }
  }
}
