/** Figures as lines for a person. */
import { above, lowest, ratio, type Result } from './lab.js';

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

export const SUMMARY_HEAD =
  'to compare                floor   client  protobuf-es   client / protobuf-es   both without floor   (medians of pairs; in brackets from the lowest rounds)';

/** One line a shape: medians, ratios as medians of pairs, and in brackets the same of the lowest rounds. */
export function summaryLine(title: string, client: Result, floor: Result, protobufEs: Result): string {
  const figure = (median: number, low: number): string => `${median.toFixed(2)} (${low.toFixed(2)})`.padStart(14);
  const [c, f, p] = [client, floor, protobufEs].map(lowest) as [number, number, number];
  const parts = [
    figure(floor.usPerRow, f),
    figure(client.usPerRow, c),
    figure(protobufEs.usPerRow, p),
    figure(ratio(client, protobufEs), c / p),
    figure(above(client, floor) / above(protobufEs, floor), (c - f) / (p - f)),
  ];
  return `  ${title.padEnd(16)} ${parts.join('  ')}`;
}

/** Three digits after the point. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
