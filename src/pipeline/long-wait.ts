/** Says so when a batch stays at the destination: nothing limits how long a sink may take, and nobody should have to guess why a stream rests. Layer 4. */
import type { Clock } from '../internal/clock.js';

/** Milliseconds until the first word. */
const FIRST_MS = 60_000;
/** Between two later ones at most. */
const LONGEST_MS = 600_000;

/** Awaits the work; `say` is called with the seconds it has taken after 1, 2, 4, 8 and 16 minutes, then every 10 minutes. */
export async function sayingHowLong<T>(work: Promise<T>, clock: Clock, say: (seconds: number) => void): Promise<T> {
  const begun = clock.monotonic();
  let step = FIRST_MS;
  const wait = (ms: number): (() => void) =>
    clock.after(
      ms,
      () => {
        const passed = clock.monotonic() - begun;
        say(Math.round(passed / 1000));
        step = Math.min(LONGEST_MS, passed);
        cancel = wait(step);
      },
      false,
    );
  let cancel = wait(step);
  try {
    return await work;
  } finally {
    cancel();
  }
}
