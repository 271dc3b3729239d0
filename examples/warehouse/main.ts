/**
 * Orders into a warehouse: `node examples/warehouse/main.ts localhost:33575 commerce`. The warehouse is a fake one in this process, so it is
 * empty at each start; the state is kept in memory for the same reason. Ctrl-C ends it in order.
 */
import { memoryStore, run } from 'vstream-client';
import { warehouse } from './sink.ts';
import { Warehouse } from './warehouse.ts';

const [vtgate = 'localhost:33575', keyspace = 'commerce', table = 'orders'] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const destination = new Warehouse();
const url = await destination.listen();
const looking = setInterval(() => console.log(`${destination.rows(`${keyspace}.${table}`).length} ${table} in the warehouse`), 1_000);
try {
  const { reason, rows } = await run({
    name: 'orders-to-warehouse',
    source: { vtgate, keyspace },
    tables: [table],
    state: memoryStore(),
    sink: warehouse({ url }),
    signal: stop.signal,
    logger: console,
  });
  console.log(`${reason} after ${rows} changes: ${destination.rows(`${keyspace}.${table}`).length} ${table} in the warehouse`);
} finally {
  clearInterval(looking);
  destination.close();
}
