/**
 * A client whose sink holds its first batch with rows until its parent says go. Argument {address, way: 'run' | 'loop', rows}.
 * Says: {started} | {holding} | {renewed} | {done: rows, peakBytes}
 */
import { memoryStore, run, vstream } from '../../dist/index.js';

const { address, way, rows } = JSON.parse(process.argv[2]);
const tell = (event) => process.send(event);
const going = new Promise((resolve) => process.once('message', resolve));
const source = { vtgate: address, keyspace: 'shop' };
const done = new AbortController();
let seen = 0;

async function take(batch) {
  if (batch.progress?.type === 'position') tell({ started: true });
  if (batch.changes.length === 0) return;
  if (seen === 0) {
    tell({ holding: true });
    await going;
  }
  for (const change of batch.changes) if (change.after.payload.length !== 100_000) throw new Error('a payload was cut');
  seen += batch.changes.length;
  if (seen >= rows) done.abort();
}

if (way === 'loop') {
  for await (const batch of vstream({ source, from: 'current', signal: done.signal })) await take(batch);
} else {
  const kept = memoryStore();
  const state = { ...kept, write: async (...args) => (tell({ renewed: true }), kept.write(...args)) };
  await run({ source, from: 'current', name: 'held', state, lease: '1s', sink: take, signal: done.signal });
}
tell({ done: seen, peakBytes: process.resourceUsage().maxRSS * 1024 });
process.disconnect();
