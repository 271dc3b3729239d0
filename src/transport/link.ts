/** Several reasons to abort, as one signal. Layer 2. */
import { VStreamError } from '../errors.js';

export interface Linked {
  readonly signal: AbortSignal;
  /** Aborts it from this side and takes its listeners off the others: to be called at the end, whatever the end was. */
  abort(): void;
}

/** A signal that aborts with the first of the given ones and leaves no listener on them afterwards. */
export function link(...signals: readonly (AbortSignal | undefined)[]): Linked {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  const unlink = (): void => {
    for (const one of undo.splice(0)) one();
  };
  for (const signal of signals) {
    if (!signal) continue;
    if (signal.aborted) {
      controller.abort(signal.reason);
      break;
    }
    const onAbort = (): void => {
      unlink();
      controller.abort(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    undo.push(() => signal.removeEventListener('abort', onAbort));
  }
  if (controller.signal.aborted) unlink();
  const abort = (): void => {
    unlink();
    controller.abort(new VStreamError('ABORTED', 'the call is over'));
  };
  return { signal: controller.signal, abort };
}
