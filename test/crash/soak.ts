/**
 * `npm run soak -- [--for 60s] [--kills N] [--seed N] [--json]`: the crash test for as long as you like. Ends with 0 only when nothing was
 * lost, doubled or different; the last line of `--json` is {"kills","faults","rows","lost","duplicated","different"}.
 */
import { parseArgs } from 'node:util';
import { parseDuration } from '../../src/internal/duration.js';
import { crash } from './crash.js';

const { values: flags } = parseArgs({
  options: {
    for: { type: 'string', default: '60s' },
    kills: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'boolean', default: false },
  },
});
const forMs = parseDuration(flags.for);
const seed = Number(flags.seed);
if (forMs === undefined || !Number.isInteger(seed)) {
  console.error('usage: npm run soak -- [--for 60s] [--kills N] [--seed N] [--json]');
  process.exit(2);
}
console.error(`seed ${seed}`);
const { examples, ...result } = await crash({
  seed,
  forMs,
  kills: flags.kills === undefined ? undefined : Number(flags.kills),
  log: (line) => console.error(line),
});
for (const example of examples) console.error(example);
if (!flags.json) for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(11)} ${value}`);
else console.log(JSON.stringify(result));
process.exitCode = result.lost + result.duplicated + result.different > 0 ? 1 : 0;
