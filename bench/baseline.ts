/** Ratios as they were when somebody last looked: figures of two machines cannot be compared, ratios of two runs can. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Compiled into bench/dist/bench, the file stands two folders up. */
const PATH = fileURLToPath(new URL('../../baseline.json', import.meta.url));
const TOLERANCE = 1.5;

export interface Comparison {
  /** What regressed, one line each. */
  readonly lines: readonly string[];
  /** The shapes those lines are about. */
  readonly shapes: readonly string[];
  /** Ratios of the baseline that were not measured. */
  readonly missing: readonly string[];
  readonly compared: number;
}

export async function compareWithBaseline(ratios: Readonly<Record<string, number>>): Promise<Comparison> {
  const { ratios: baseline } = JSON.parse(await readFile(PATH, 'utf8')) as { ratios: Readonly<Record<string, number>> };
  const lines: string[] = [];
  const shapes = new Set<string>();
  for (const [name, before] of Object.entries(baseline)) {
    const now = ratios[name];
    if (now === undefined || now <= before * TOLERANCE) continue;
    lines.push(`regressed: ${name} is ${now.toFixed(3)}, was ${before.toFixed(3)} (limit ${(before * TOLERANCE).toFixed(3)})`);
    shapes.add(name.slice(0, name.indexOf(' ')));
  }
  const missing = Object.keys(baseline).filter((name) => ratios[name] === undefined);
  return { lines, shapes: [...shapes], missing, compared: Object.keys(baseline).length - missing.length };
}

export const says = ({ lines, missing, compared }: Comparison): string =>
  [
    ...(lines.length > 0 ? lines : [`speed: ${compared} ratios within ${TOLERANCE} times the baseline`]),
    ...(missing.length > 0 ? [`not measured: ${missing.join(', ')}`] : []),
  ].join('\n');
