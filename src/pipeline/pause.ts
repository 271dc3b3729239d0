/** Whether an operator, or a statement that changed rows, holds the stream back. Layer 4. */
import { deferred, raceAbort } from '../internal/async.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';
import type { StateRequest } from '../stores/store.js';

export class Pause {
  readonly #recorder: Pick<Recorder, 'state'>;
  readonly #logger: Logger;
  #over = deferred();
  #on = false;

  constructor(recorder: Pick<Recorder, 'state'>, logger: Logger) {
    this.#recorder = recorder;
    this.#logger = logger;
  }

  begin(): void {
    if (this.#on) return;
    this.#on = true;
    this.#over = deferred();
    this.#logger.info({}, 'paused: nothing is written until `vstream resume`');
  }

  end(): void {
    if (!this.#on) return;
    this.#logger.info({}, 'resumed');
    this.#on = false;
    this.#over.resolve();
  }

  /** A pause outlives the process that took it: who paused a stream must not find it running because its machine was restarted. */
  static isAsked(request: StateRequest | undefined): boolean {
    return request?.verb === 'pause';
  }

  /** Resolves with true once nothing holds the stream back, with false at `stop` while something still does: then nothing may be written. */
  async passed(stop: AbortSignal): Promise<boolean> {
    if (!this.#on) return true;
    const before = this.#recorder.state;
    this.#recorder.state = 'paused';
    this.#logger.debug({}, 'a batch waits for the end of the pause');
    while (this.#on && !stop.aborted) await raceAbort(this.#over.promise, stop).catch(() => {});
    if (this.#on) return false;
    if (this.#recorder.state === 'paused') this.#recorder.state = before;
    return true;
  }
}
