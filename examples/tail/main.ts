/** Prints every change from now on: `node examples/tail/main.ts localhost:33575 commerce orders`. Ctrl-C ends it. */
import { vstream } from 'vstream-client';

const [vtgate = 'localhost:33575', keyspace = 'commerce', ...tables] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const stream = vstream({
  source: { vtgate, keyspace },
  ...(tables.length > 0 ? { tables } : {}),
  from: 'current',
  signal: stop.signal,
});

for await (const batch of stream) {
  // The first batch has no rows: it carries the position from which changes are seen.
  if (batch.progress?.type === 'position') console.error(`at ${batch.position}`);
  for (const { op, table, shard, before, after } of batch.changes) console.log(`${shard} ${op} ${table}`, after ?? before);
}
