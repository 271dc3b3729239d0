/** Everything one stream holds open, from validated options to an engine: shared by own loops and runs. Layer 3. */
import { type Clock, systemClock } from '../internal/clock.js';
import type { Recorder } from '../observe/recorder.js';
import type { Position } from '../position/position.js';
import type { TableRef } from '../schema/table.js';
import { createBackoff } from '../supervise/backoff.js';
import { retryStart } from '../supervise/retry.js';
import { createTransport } from '../transport/grpc.js';
import { createThreadTransport } from '../transport/thread.js';
import type { Transport } from '../transport/transport.js';
import { discover, estimateRows, resolveStop, type Source } from './discover.js';
import { Engine } from './engine.js';
import type { RowsChanged } from './statements.js';
import type { UndecodablePolicy } from './undecodable.js';
import type { ValidatedStream } from './validated.js';

export interface SessionOptions {
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly eager: boolean;
  readonly screened?: boolean | undefined;
  readonly positionApart: boolean;
  readonly progressMs: number;
  readonly exclude?: readonly TableRef[] | undefined;
  /** A position of another life of the stream: its generations are used up. */
  readonly earlier?: Position | undefined;
  readonly onPurged?: 'fail' | 'recopy' | undefined;
  readonly onUndecodable?: UndecodablePolicy | undefined;
  rowsChanged(table: TableRef, reason: string): RowsChanged;
}

/** @param socket where its connection lives: only a stream that is being read asks for a thread */
export function openTransport(stream: Pick<ValidatedStream, 'source' | 'logger'>, socket: 'main' | 'thread' = 'main'): Transport {
  const { addresses, tls, auth, callerId, maxMessageBytes } = stream.source;
  return (socket === 'thread' ? createThreadTransport : createTransport)(
    {
      vtgate: addresses,
      ...(tls === undefined ? {} : { tls }),
      ...(auth === undefined ? {} : { auth }),
      ...(callerId === undefined ? {} : { callerId }),
      maxMessageBytes,
    },
    { logger: stream.logger },
  );
}

export interface Session {
  readonly engine: Engine;
  readonly source: Source;
}

/** Looks up what is there and makes the engine; nothing is streamed yet. */
export async function openSession(
  stream: ValidatedStream,
  transport: Transport,
  recorder: Recorder,
  stored: Position | undefined,
  signal: AbortSignal,
  options: SessionOptions,
): Promise<Session> {
  const clock = options.clock ?? systemClock;
  const { logger } = stream;
  recorder.source = transport.address;
  const random = options.random ?? Math.random;
  const retry = { clock, random, logger, signal, again: () => void transport.rotate() };
  const source = await retryStart(() => discover(transport, stream, { signal, logger, stored, exclude: options.exclude }), retry);
  const stop = await retryStart(() => resolveStop(transport, stream, signal), retry);
  // Only for display: a stream does not wait for estimates, nor fail for want of them.
  void estimateRows(transport, source, (table, rows) => recorder.estimate(table.keyspace, table.table, rows), signal).catch(() => {});
  const engine = new Engine(
    {
      stream,
      source,
      transport,
      clock,
      logger,
      recorder,
      backoff: createBackoff({ clock, random }),
      stored,
      earlier: options.earlier,
      eager: options.eager,
      screened: options.screened ?? false,
      positionApart: options.positionApart,
      progressMs: options.progressMs,
      stop,
      rowsChanged: options.rowsChanged,
      onPurged: options.onPurged ?? 'fail',
      onUndecodable: options.onUndecodable ?? 'fail',
    },
    signal,
  );
  return { engine, source };
}
