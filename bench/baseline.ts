/** Ratios as they were when somebody last looked: figures of two machines cannot be compared, ratios of two runs can. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Compiled into bench/dist/bench, the file stands two folders up. */
const PATH = fileURLToPath(new URL('../../baseline.json', import.meta.url));
const TOLERANCE = 1.5;

/** What regressed, one line each. */
export async function check(ratios: Readonly<Record<string, number>>): Promise<string[]> {
  const { ratios: baseline } = JSON.parse(await readFile(PATH, 'utf8')) as { ratios: Readonly<Record<string, number>> };
  const lines: string[] = [];
  for (const [name, before] of Object.entries(baseline)) {
    const now = ratios[name];
    if (now === undefined || now <= before * TOLERANCE) continue;
    lines.push(`regressed: ${name} is ${now.toFixed(3)}, was ${before.toFixed(3)} (limit ${(before * TOLERANCE).toFixed(3)})`);
  }
  const names = Object.keys(baseline);
  const missing = names.filter((name) => ratios[name] === undefined);
  if (lines.length === 0) console.log(`speed: ${names.length - missing.length} ratios within ${TOLERANCE} times the baseline`);
  if (missing.length > 0) console.log(`not measured: ${missing.join(', ')}`);
  return lines;
}
