/** The code of README.md, compiled. `test/docs.test.ts` checks that it is the same. */
import { duckdb } from '../src/sinks/duckdb/index.js';
import { type Batch, type Position, run, type SourceOptions, type TableDefinition, table, vstream } from '../src/index.js';

declare const queue: {
  put(id: bigint, item: string, price: string): Promise<void>;
  remove(id: bigint): Promise<void>;
};
declare const source: SourceOptions;
declare const handle: (batch: Batch<{ orders: TableDefinition<Order> }>) => Promise<void>;
declare let saved: Position;

export async function keepInDuckDb(): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

  await run({
    name: 'orders-to-warehouse',
    source: { vtgate: 'localhost:33575', keyspace: 'commerce' },
    tables: ['orders'],
    state: { keyspace: 'commerce', table: 'vstream_state' },
    sink: duckdb({ path: 'warehouse.duckdb' }),
    signal: stop.signal,
    logger: console,
  });
}

interface Order {
  id: bigint;
  item: string;
  price: string;
}

export async function ownDestination(): Promise<void> {
  await run({
    name: 'orders-to-queue',
    source: { vtgate: 'localhost:33575', keyspace: 'commerce' },
    tables: { orders: table<Order>() },
    state: { keyspace: 'commerce', table: 'vstream_state' },
    sink: async (batch) => {
      for (const { before, after } of batch.of('orders')) {
        if (before && before.id !== after?.id) await queue.remove(before.id); // deleted, or under another key from now on
        if (after) await queue.put(after.id, after.item, after.price);
      }
    },
  });
}

export async function ownLoop(): Promise<void> {
  for await (const batch of vstream({ source, tables: { orders: table<Order>() }, from: saved })) {
    await handle(batch);
    saved = batch.position; // plain JSON; iterating acknowledges nothing
  }
}
