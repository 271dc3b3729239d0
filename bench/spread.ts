/**
 * `npm run bench:spread`: what many shards and many tables cost, next to receiving the same bytes; and what an idle stream over
 * 256 shards costs. Ratios must be flat: a VGTID holds the position of every shard, and comes with every transaction (G25).
 *
 *   --json   the last line of output is JSON
 */
import { parseArgs } from 'node:util';
import { median } from './lab.js';
import { canPin, type Measured, Worker } from './protocol.js';
import type { SpreadMeasure } from './spread-client.js';
import type { Spread } from './spread-frames.js';
import type { SpreadPrepare, SpreadPrepared } from './spread-server.js';

const { values: flags } = parseArgs({ options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '5' } } });

const SPREADS: readonly Spread[] = [
  { shards: 1, tables: 1 },
  { shards: 8, tables: 1 },
  { shards: 64, tables: 1 },
  { shards: 1, tables: 100 },
  { shards: 1, tables: 1000 },
  { shards: 1, tables: 1000, shapes: 50 },
  { shards: 64, tables: 100 },
];
const ROWS = 300_000;
/** Tables with other columns than any before have code of their own, which is optimised some thousand rows later: paid once, not measured. */
const ROWS_PER_SHAPE = 10_000;

const pinned = canPin();
const server = new Worker<SpreadPrepare, SpreadPrepared>('./spread-server.js', pinned ? 0 : undefined, ['--max-semi-space-size=64']);
const figures: Record<string, number> = {};
try {
  for (const spread of SPREADS) await measure(spread);
  await measureIdle({ shards: 256, tables: 1 });
} finally {
  server.end();
}
if (flags.json) console.log(JSON.stringify(figures));

async function measure(spread: Spread): Promise<void> {
  const rows = Math.max(ROWS, (spread.shapes ?? 1) * ROWS_PER_SHAPE);
  const clients = { floor: client(), typed: client() };
  const costs: { floor: number[]; typed: number[] } = { floor: [], typed: [] };
  // The first round warms the processes up.
  for (let round = 0; round <= Number(flags.rounds); round++) {
    for (const kind of ['floor', 'typed'] as const) {
      const prepared = await server.ask({ ...spread, rows });
      const { cpuUs, rows: measured } = await clients[kind].ask({ ...spread, ...prepared, kind });
      if (round > 0) costs[kind].push(cpuUs / measured);
    }
  }
  for (const one of Object.values(clients)) one.end();
  const ratio = median(costs.typed.map((cost, round) => cost / (costs.floor[round] ?? Number.NaN)));
  const lowest = Math.min(...costs.typed) / Math.min(...costs.floor);
  const { shards, tables, shapes } = spread;
  const name = `${shards} shards, ${tables} tables${shapes === undefined ? '' : ` of ${shapes} shapes`}`;
  console.log(
    `${name.padEnd(36)} floor ${fixed(median(costs.floor))}  typed ${fixed(median(costs.typed))}  us a row; ratio ${fixed(ratio)}, of the lowest ${fixed(lowest)}`,
  );
  figures[name] = Number(fixed(ratio));
}

async function measureIdle(spread: Spread): Promise<void> {
  const one = client();
  const prepared = await server.ask({ ...spread, rows: 0 });
  const { cpuUs, wallMs } = await one.ask({ ...spread, ...prepared, kind: 'idle' });
  one.end();
  const percent = cpuUs / wallMs / 10;
  console.log(`idle, ${spread.shards} shards: ${percent.toFixed(2)} % of a core`);
  figures['idle256ShardsPercent'] = Number(percent.toFixed(2));
}

function client(): Worker<SpreadMeasure, Measured> {
  return new Worker('./spread-client.js', pinned ? 1 : undefined);
}

function fixed(value: number): string {
  return value.toFixed(2);
}
