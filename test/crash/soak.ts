/**
 * `npm run soak -- [--for 60s] [--kills N] [--seed N] [--apart] [--json]`: the crash test for as long as you like. Ends with 0 only when nothing was
 * lost, doubled or different (`--apart`: with a sink that stores no positions, where doubles are normal); the last line of `--json` is {"kills","faults","rows","lost","duplicated","different"},
 * or {"seed","error"} when the client failed by itself, with the end of its log on stderr.
 *
 * `--full [--pause 1h] [--backlog 2000] [--cut]` after it: a sink that is held for that long in front of so many megabytes, and then gets them.
 * With `--cut` the connection is cut in the middle of the pause. Ends with 0 only when the client also stayed under 200 MB; its own last line is
 * {"peakRssMb","pausedSeconds","backlogBytes","reconnects","rows","lost","duplicated","different"}.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parseDuration } from '../../src/internal/duration.js';
import { MIXED_ROWS } from '../process/backlog.js';
import { held, MEMORY_LIMIT } from '../process/held.js';
import { crash } from './crash.js';

const { values: flags } = parseArgs({
  options: {
    for: { type: 'string', default: '60s' },
    kills: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    apart: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    pause: { type: 'string', default: '1h' },
    backlog: { type: 'string', default: '2000' },
    cut: { type: 'boolean', default: false },
  },
});
const forMs = parseDuration(flags.for);
const seed = Number(flags.seed);
const pauseMs = parseDuration(flags.pause);
const backlogBytes = Number(flags.backlog) * 1_000_000;
if (forMs === undefined || !Number.isInteger(seed) || pauseMs === undefined || !(backlogBytes > 0)) {
  console.error(
    'usage: npm run soak -- [--for 60s] [--kills N] [--seed N] [--apart] [--json] [--full [--pause 1h] [--backlog MEGABYTES] [--cut]]',
  );
  process.exit(2);
}
try {
  await crashed(forMs);
  if (flags.full) await paused(pauseMs);
} catch (error) {
  console.error(error);
  if (flags.json) console.log(JSON.stringify({ seed, error: String(error).split('\n', 1)[0] }));
  process.exitCode = 1;
}

async function crashed(ms: number): Promise<void> {
  console.error(`seed ${seed}`);
  const { examples, met, ...result } = await crash({
    seed,
    apart: flags.apart,
    forMs: ms,
    kills: flags.kills === undefined ? undefined : Number(flags.kills),
    log: (line) => console.error(line),
  });
  for (const example of examples) console.error(example);
  report({ ...result, ...met });
}

async function paused(ms: number): Promise<void> {
  const { peakBytes, pausedMs, ...result } = await held({
    way: 'run',
    backlogBytes,
    shapes: MIXED_ROWS,
    pause: async (vtgate, client) => {
      const resident = setInterval(() => void residentOf(client.pid).then((mb) => console.error(`held, ${mb} MB`)), 60_000);
      await passed(ms / 2);
      if (flags.cut) vtgate.faults.cut();
      await passed(ms / 2);
      clearInterval(resident);
    },
  });
  report({ peakRssMb: Math.round(peakBytes / 2 ** 20), pausedSeconds: Math.round(pausedMs / 1000), ...result });
  if (peakBytes > MEMORY_LIMIT) process.exitCode = 1;
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function residentOf(pid: number): Promise<string> {
  const pages = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1];
  return String(Math.round((Number(pages) * 4096) / 2 ** 20));
}

function report(result: { lost: number; duplicated: number; different: number } & Record<string, number>): void {
  if (!flags.json) for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(13)} ${value}`);
  else console.log(JSON.stringify(result));
  if (result.lost + result.duplicated + result.different > 0) process.exitCode = 1;
}
