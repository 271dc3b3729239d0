/** `start()` and `run()`: a stream into a destination, owned by one process at a time. Layer 4. */
import { systemClock } from '../internal/clock.js';
import { deferred } from '../internal/async.js';
import { Recorder } from '../observe/recorder.js';
import type { Stats } from '../observe/stats.js';
import type { Tables } from '../schema/define.js';
import type { PlanChange } from '../copy/changes.js';
import type { Running, RunOptions, Summary } from './options.js';
import type { Runner } from './runner.js';
import { validateRunOptions, type ValidatedRun } from './validate.js';

/**
 * Starts a stream and returns at once. Options are checked first: `CONFIG_INVALID` is thrown here, with every problem in it.
 * Everything later rejects `finished`.
 */
export function start<const T extends Tables>(options: RunOptions<T>): Running {
  return new Handle(validateRunOptions(options));
}

/** Runs a stream to its end (`until`, an abort) and resolves with a summary. The same as `start(options).finished`. */
export function run<const T extends Tables>(options: RunOptions<T>): Promise<Summary> {
  return start(options).finished;
}

class Handle implements Running {
  readonly finished: Promise<Summary>;
  readonly #recorder = new Recorder(systemClock);
  readonly #closing = new AbortController();
  readonly #runner = deferred<Runner>();

  constructor(options: ValidatedRun) {
    this.#runner.promise.catch(() => {});
    this.finished = this.#run(options);
    // A caller who only keeps the handle and closes it must not be hit by an unhandled rejection first.
    this.finished.catch(() => {});
  }

  stats(): Stats {
    return this.#recorder.snapshot();
  }

  addTable(table: string): Promise<void> {
    return this.#change('add', table);
  }

  removeTable(table: string): Promise<void> {
    return this.#change('remove', table);
  }

  async recopy(table: string, options: { readonly where?: string } = {}): Promise<void> {
    return this.#change('recopy', table, options.where);
  }

  async pause(): Promise<void> {
    (await this.#runner.promise).pause();
  }

  async resume(): Promise<void> {
    (await this.#runner.promise).resume();
  }

  async close(): Promise<Summary> {
    this.#closing.abort();
    return this.finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #change(kind: PlanChange['kind'], table: string, where?: string): Promise<void> {
    await (await this.#runner.promise).change(kind, table, where);
  }

  async #run(options: ValidatedRun): Promise<Summary> {
    const signal = options.signal ? AbortSignal.any([options.signal, this.#closing.signal]) : this.#closing.signal;
    // grpc-js and protobuf load here, at first use, not with the package.
    const { Runner } = await import('./runner.js');
    let runner: Runner;
    try {
      runner = new Runner(options, this.#recorder, systemClock, Math.random);
    } catch (error) {
      this.#runner.reject(error);
      throw error;
    }
    this.#runner.resolve(runner);
    const summary = await runner.run(signal);
    return this.#closing.signal.aborted && summary.reason === 'aborted' ? { ...summary, reason: 'closed' } : summary;
  }
}
