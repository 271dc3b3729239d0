/** Figures as lines for a person. */
import type { Result } from './lab.js';

/** One line a case: the median of its rounds, the lowest and the highest, and its best rate. */
export function say(title: string, results: readonly (readonly [string, Result])[]): void {
  const bytes = results[0]?.[1].bytesPerRow ?? 0;
  console.log(
    `${title}, ${Math.round(bytes)} bytes a row on the wire; CPU in microseconds a row, median of ${results[0]?.[1].rounds.length} rounds`,
  );
  for (const [name, { usPerRow, rounds: passes }] of results) {
    const all = passes.map((pass) => pass.cpuUs / pass.rows);
    const rate = Math.max(...passes.map((pass) => pass.rows / pass.wallMs));
    console.log(
      `  ${name.padEnd(22)} ${usPerRow.toFixed(3).padStart(8)}   (${Math.min(...all).toFixed(3)} to ${Math.max(...all).toFixed(3)}; up to ${Math.round(rate)} rows/ms)`,
    );
  }
}

/** Three digits after the point. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
