/** `vstream()`: the stream for people who write their own loop. Layer 3. */
import { VStreamError } from '../errors.js';
import { systemClock } from '../internal/clock.js';
import { Recorder } from '../observe/recorder.js';
import type { Stats } from '../observe/stats.js';
import type { Tables } from '../schema/define.js';
import type { Transport } from '../transport/transport.js';
import type { Batch } from './change.js';
import type { StreamOptions } from './options.js';
import { validateStreamOptions } from './validate.js';

/** How often an idle stream hands out its moving position, milliseconds. */
const PROGRESS_MS = 10_000;

/**
 * A stream of batches. Iterate it once; leaving the loop cancels the RPC. Iterating acknowledges nothing: save
 * `batch.position` once a batch is safe and give it back as `from`.
 */
export interface VStream<T extends Tables = Tables> extends AsyncIterable<Batch<T>>, AsyncDisposable {
  stats(): Stats;
  /** Ends the stream; idempotent. A loop under way ends normally. */
  close(): Promise<void>;
}

/**
 * Opens a stream of changes of Vitess. Options are checked at once (`CONFIG_INVALID`, all problems in one error); the first
 * iteration connects. Ends at `until` or an abort, otherwise throws `VStreamError`; what passes by itself is retried and
 * surfaces only when its budget is spent.
 */
export function vstream<const T extends Tables>(options: StreamOptions<T>): VStream<T> {
  return new Loop<T>(options);
}

class Loop<T extends Tables> implements VStream<T> {
  readonly #stream;
  readonly #recorder = new Recorder(systemClock);
  readonly #closing = new AbortController();
  #transport: Transport | undefined;
  #started = false;

  constructor(options: StreamOptions<T>) {
    this.#stream = validateStreamOptions(options);
  }

  stats(): Stats {
    return this.#recorder.snapshot();
  }

  async close(): Promise<void> {
    this.#closing.abort(closed());
    await this.#transport?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncGenerator<Batch<T>, void, void> {
    if (this.#started) {
      throw new VStreamError('CONFIG_INVALID', 'this stream is already being iterated', { next: 'Call vstream() again for a second loop.' });
    }
    this.#started = true;
    return this.#iterate();
  }

  async *#iterate(): AsyncGenerator<Batch<T>, void, void> {
    const stream = this.#stream;
    const recorder = this.#recorder;
    const signal = stream.signal ? AbortSignal.any([stream.signal, this.#closing.signal]) : this.#closing.signal;
    // grpc-js and protobuf load here, at first use, not with the package.
    const { openSession, openTransport } = await import('./session.js');
    const transport = openTransport(stream);
    this.#transport = transport;
    try {
      const { engine } = await openSession(stream, transport, recorder, undefined, signal, {
        eager: true,
        progressMs: PROGRESS_MS,
        rowsChanged: () => 'ignore',
      });
      for await (const batch of engine.batches()) {
        recorder.batch(batch.changes.length, batch.bytes, batch.position);
        yield batch as unknown as Batch<T>;
      }
      recorder.state = 'ended';
    } catch (error) {
      if (signal.aborted && !VStreamError.is(error)) return;
      if (signal.aborted && VStreamError.is(error) && error.code === 'ABORTED') return;
      recorder.state = 'failed';
      throw error;
    } finally {
      await transport.close();
    }
  }
}

function closed(): VStreamError {
  return new VStreamError('ABORTED', 'the stream was closed');
}
