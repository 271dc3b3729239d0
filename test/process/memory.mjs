/**
 * A client whose sink holds its first batch with rows until its parent says go, and then checks every row of the backlog.
 * Argument {address, way: 'run' | 'loop', rows, options}. Says: {started} | {holding} | {done: rows, lost, duplicated, different, peakBytes}
 */
import { crc32 } from 'node:zlib';
import { run, silentLogger, vstream } from '../../dist/index.js';

const { address, way, rows, options: given = {} } = JSON.parse(process.argv[2]);
const options = { ...given, logger: silentLogger };
const tell = (event) => process.send(event);
const going = new Promise((resolve) => process.once('message', resolve));
const source = { vtgate: address, keyspace: 'shop' };
const done = new AbortController();
const found = { lost: 0, duplicated: 0, different: 0 };
let seen = 0;
let next = 0;

function check({ id, sum, payload }) {
  seen++;
  const at = Number(id);
  if (at < next) found.duplicated++;
  else found.lost += at - next;
  next = Math.max(next, at + 1);
  if (crc32(payload) !== sum) found.different++;
}

async function take(batch) {
  if (batch.progress?.type === 'position') tell({ started: true });
  if (batch.changes.length === 0) return;
  if (seen === 0) {
    tell({ holding: true });
    await going;
  }
  for (const change of batch.changes) check(change.after);
  if (next >= rows) done.abort();
}

if (way === 'loop') {
  for await (const batch of vstream({ ...options, source, from: 'current', signal: done.signal })) await take(batch);
} else {
  const state = { keyspace: 'vstream', table: 'streams' };
  await run({ ...options, source, from: 'current', name: 'held', state, lease: '1s', sink: take, signal: done.signal });
}
tell({ done: seen, ...found, peakBytes: process.resourceUsage().maxRSS * 1024 });
process.disconnect();
