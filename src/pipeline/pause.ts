/** Whether an operator, or a statement that changed rows, holds the stream back. Layer 4. */
import { deferred, raceAbort } from '../internal/async.js';
import type { Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';

const STAY_MS = 3_600_000;

export class Pause {
  readonly #recorder: Pick<Recorder, 'state'>;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #over = deferred();
  #on = false;

  constructor(recorder: Pick<Recorder, 'state'>, logger: Logger, clock: Clock) {
    this.#recorder = recorder;
    this.#clock = clock;
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

  /** Resolves with true once nothing holds the stream back, with false at `stop` while something still does: then nothing may be written. */
  async passed(stop: AbortSignal): Promise<boolean> {
    if (!this.#on) return true;
    const before = this.#recorder.state;
    this.#recorder.state = 'paused';
    this.#logger.debug({}, 'a batch waits for the end of the pause');
    while (this.#on && !stop.aborted) await this.#wait(stop);
    if (this.#on) return false;
    if (this.#recorder.state === 'paused') this.#recorder.state = before;
    return true;
  }

  /** A pause between two RPCs has no connection that keeps the process: without a timer it would end, silently. */
  async #wait(stop: AbortSignal): Promise<void> {
    const staying = deferred();
    const cancel = this.#clock.after(STAY_MS, staying.resolve, true);
    await raceAbort(Promise.race([this.#over.promise, staying.promise]), stop).catch(() => {});
    cancel();
  }
}
