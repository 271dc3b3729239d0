/** `vstream()`: the stream for people who write their own loop. Layer 4. */
import { VStreamError } from '../errors.js';
import { deferred } from '../internal/async.js';
import { systemClock } from '../internal/clock.js';
import { Recorder } from '../observe/recorder.js';
import type { Stats } from '../observe/stats.js';
import type { Tables } from '../schema/define.js';
import type { Transport } from '../transport/transport.js';
import type { Batch } from '../stream/change.js';
import type { StreamOptions } from '../stream/options.js';
import type { OnRequest, Ownership } from '../ownership/ownership.js';
import type { Position } from '../position/position.js';
import type { StateTable } from './options.js';
import type { Owned } from './owned.js';
import { Pause } from './pause.js';
import { validateLoopOptions, type ValidatedLoop } from './validate.js';
import { DONE, isPauseAsked } from '../stores/requests.js';
import type { CheckpointStore, StateRequest } from '../stores/store.js';
import type { Duration } from '../internal/duration.js';

/** How often an idle stream hands out its moving position, milliseconds. */
const PROGRESS_MS = 10_000;

/**
 * Options of an own loop: a stream's, and with `name` and `state` a place for its position. Policies (`onPurged`, `onBadRow`,
 * `onUndecodable`, `onDdl`) are those of `run`: what they would decide ends a loop with its error, or comes to it as a `schema` batch.
 */
export interface LoopOptions<T extends Tables = Tables> extends StreamOptions<T> {
  /** With `state`: the stored position wins over `from`, one process owns the stream, and `commit()` stores. */
  readonly name?: string;
  /**
   * As in `run`, and only with `name`. `vstream pause` and `resume` hold a loop: it gets no batch until then. Other requests are answered with
   * a refusal: only a sink can sweep what a second copy did not find.
   */
  readonly state?: StateTable | CheckpointStore;
  /** As in `run`: wait as hot standby (default) or fail with `LEASE_HELD`. */
  readonly wait?: boolean;
  /** As in `run`. */
  readonly lease?: Duration;
}

/**
 * A stream of batches. Iterate it once; leaving the loop cancels the RPC and commits nothing. Iterating acknowledges nothing:
 * save `batch.position` once a batch is safe and give it back as `from`, or give `name` and `state` and `commit(batch)`.
 */
export interface VStream<T extends Tables = Tables> extends AsyncIterable<Batch<T>>, AsyncDisposable {
  /**
   * Stores the position after this batch, and so of all before it. Needs `name` and `state`.
   * @throws VStreamError `CONFIG_INVALID` without them, for a batch older than one committed and behind the end of the loop, `FENCED` when
   *   another process took over
   */
  commit(batch: Batch<T>): Promise<void>;
  /** What the stream is doing, now. */
  stats(): Stats;
  /**
   * Ends the stream and releases its lease; idempotent. A loop under way ends normally: resolves once it asks for its next batch, or is
   * left. So its own body must not wait for this; leave it with `break`.
   */
  close(): Promise<void>;
}

/**
 * Opens a stream of changes of Vitess. Options are checked at once (`CONFIG_INVALID`, all problems in one error); the first
 * iteration connects. Ends at `until` or an abort, otherwise throws `VStreamError`; what passes by itself is retried and
 * surfaces only when its budget is spent.
 */
export function vstream<const T extends Tables>(options: LoopOptions<T>): VStream<T> {
  return new Loop<T>(validateLoopOptions(options));
}

class Loop<T extends Tables> implements VStream<T> {
  readonly #options: ValidatedLoop;
  readonly #recorder = new Recorder(systemClock);
  readonly #pause: Pause;
  readonly #closing = new AbortController();
  #transport: Transport | undefined;
  #ownership: Ownership | undefined;
  #started = false;
  #ended = false;
  /** Order in which positions were handed out, so that an older batch is refused. */
  readonly #order = new WeakMap<Position, number>();
  #handedOut = 0;
  #committed = 0;
  #done: Promise<void> = Promise.resolve();

  constructor(options: ValidatedLoop) {
    this.#options = options;
    this.#pause = new Pause(this.#recorder, options.logger, systemClock);
  }

  stats(): Stats {
    return this.#recorder.snapshot();
  }

  async commit(batch: Batch<T>): Promise<void> {
    const ownership = this.#ownership;
    if (!ownership)
      throw new VStreamError('CONFIG_INVALID', 'commit() needs somewhere to store', {
        next: 'Give `name` and `state`, or save `batch.position` yourself.',
      });
    const order = this.#order.get(batch.position);
    if (order === undefined || order < this.#committed) {
      throw new VStreamError(
        'CONFIG_INVALID',
        order === undefined ? 'this batch is not of this stream' : 'a later batch is committed already',
        {
          next: 'Commit batches in the order they came; a commit covers all before it.',
        },
      );
    }
    if (this.#ended) {
      throw new VStreamError('CONFIG_INVALID', 'the loop has ended, and its lease with it', {
        next: 'Commit inside the loop. What was not committed comes again.',
      });
    }
    this.#committed = order;
    await ownership.write({ position: batch.position, lastError: null });
  }

  async close(): Promise<void> {
    this.#closing.abort(closed());
    await this.#transport?.close();
    await this.#done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncGenerator<Batch<T>, void, void> {
    if (this.#started) {
      throw new VStreamError('CONFIG_INVALID', 'this stream is already being iterated', {
        next: 'Call vstream() again for a second loop.',
      });
    }
    this.#started = true;
    return this.#iterate();
  }

  #request({ verb }: StateRequest): string {
    if (verb === 'pause') this.#pause.begin();
    else if (verb === 'resume') this.#pause.end();
    else
      return `refused: a loop of its own reads this stream, and takes no request to ${verb}; begin anew (\`vstream state reset\`), or use \`run\` with a sink`;
    return DONE;
  }

  async *#iterate(): AsyncGenerator<Batch<T>, void, void> {
    const options = this.#options;
    const recorder = this.#recorder;
    const signal = options.signal ? AbortSignal.any([options.signal, this.#closing.signal]) : this.#closing.signal;
    const finished = deferred();
    this.#done = finished.promise;
    // grpc-js and protobuf load here, at first use, not with the package.
    const { openSession, openTransport } = await import('../stream/session.js');
    const transport = openTransport(options, options.source.socket);
    this.#transport = transport;
    let owned: Owned | undefined;
    let failure: Record<string, string> | undefined;
    try {
      const { name, state, wait, leaseMs } = options;
      if (name !== undefined && state) {
        const { openOwned } = await import('./owned.js');
        const onRequest: OnRequest = async (request) => this.#request(request);
        owned = await openOwned(options, {
          name,
          state,
          wait,
          leaseMs,
          clock: systemClock,
          random: Math.random,
          recorder,
          signal,
          onRequest,
        });
        this.#ownership = owned.ownership;
        if (isPauseAsked(owned.ownership.record.requests)) this.#pause.begin();
        void owned.ownership.takeRequests();
      }
      const stop = owned ? AbortSignal.any([signal, owned.ownership.lost]) : signal;
      const { engine } = await openSession(options, transport, recorder, owned?.ownership.record.position, stop, {
        eager: true,
        positionApart: true,
        progressMs: owned?.inSource ? 30_000 : PROGRESS_MS,
        exclude: owned?.exclude,
        rowsChanged: () => 'ignore',
      });
      for await (const batch of engine.batches()) {
        if (!(await this.#pause.passed(stop))) break;
        recorder.batch(batch.changes.length, batch.bytes, batch.position);
        this.#order.set(batch.position, ++this.#handedOut);
        yield batch as unknown as Batch<T>;
      }
      if (owned?.ownership.lost.aborted) throw owned.ownership.lost.reason;
      recorder.state = 'ended';
    } catch (error) {
      if (signal.aborted && (!VStreamError.is(error) || error.code === 'ABORTED')) return;
      recorder.state = 'failed';
      if (VStreamError.is(error)) failure = error.toJSON();
      if (failure) recorder.lastError = failure;
      throw error;
    } finally {
      this.#ended = true;
      await transport.close();
      await owned?.close(failure && JSON.stringify(failure));
      finished.resolve();
    }
  }
}

function closed(): VStreamError {
  return new VStreamError('ABORTED', 'the stream was closed');
}
