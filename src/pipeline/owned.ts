/** Opens the state of a stream and takes its ownership: shared by runs and own loops that commit. Layer 4. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../internal/clock.js';
import type { Recorder } from '../observe/recorder.js';
import { type OnRequest, Ownership } from '../ownership/ownership.js';
import type { TableRef } from '../schema/table.js';
import { vitessStore } from '../stores/vitess.js';
import { retryStart } from '../supervise/retry.js';
import { openTransport } from '../stream/session.js';
import type { ValidatedStream } from '../stream/validated.js';
import type { ValidatedState } from './validate.js';

export interface OwnedOptions {
  readonly name: string;
  readonly state: ValidatedState;
  readonly wait: boolean;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
  readonly onRequest?: OnRequest | undefined;
}

export interface Owned {
  readonly ownership: Ownership;
  /** The state row is in a streamed keyspace: its writes are transactions of the stream itself. */
  readonly inSource: boolean;
  /** Tables no pattern may take. */
  readonly exclude: readonly TableRef[];
  /** Writes the last error, releases the lease, closes what was opened here. Idempotent. */
  close(lastError?: string): Promise<void>;
}

export async function openOwned(stream: ValidatedStream, options: OwnedOptions): Promise<Owned> {
  const { name, state, wait, leaseMs, clock, random, recorder, signal, onRequest } = options;
  const inSource = state.kind === 'table' && stream.selection.some((one) => one.keyspace === state.keyspace);
  // Its own connection: a failover of the stream must not cut a checkpoint short.
  const transport = state.kind === 'table' ? openTransport(stream) : undefined;
  const store = state.kind === 'table' && transport ? vitessStore(transport, state) : state.kind === 'store' ? state.store : undefined;
  if (!store) throw new TypeError('a state is either a table or a store');
  const closeStore = async (): Promise<void> => {
    // A store of the user's is the user's to close.
    if (state.kind === 'table') await store.close();
    await transport?.close();
  };
  try {
    const retry = { clock, random, logger: stream.logger, signal, again: () => void transport?.rotate() };
    await retryStart(() => store.prepare({ signal }), retry);
    // One name for all tries: a claim whose answer was lost is found again as ours, and not waited for.
    const owner = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
    const acquire = (): Promise<Ownership> =>
      Ownership.acquire({
        store,
        name,
        owner,
        leaseMs,
        quiet: inSource,
        wait,
        clock,
        random,
        logger: stream.logger,
        signal,
        onWaiting: (holder, remainingMs) => {
          recorder.state = 'waiting';
          recorder.waitingFor = { owner: holder, leaseSeconds: Math.max(0, Math.round(remainingMs / 1000)) };
        },
        onRequest,
      });
    const ownership = await retryStart(acquire, retry);
    recorder.state = 'starting';
    recorder.waitingFor = undefined;
    recorder.epoch = ownership.claim.epoch;
    return {
      ownership,
      inSource,
      exclude: state.kind === 'table' ? [{ keyspace: state.keyspace, table: state.table }] : [],
      close: async (lastError) => {
        await ownership
          .release(lastError)
          .catch((error: unknown) => stream.logger.warn({ error: String(error) }, 'the lease was not released; it ends by itself'));
        await closeStore();
      },
    };
  } catch (error) {
    await closeStore();
    throw error;
  }
}
