/** What the types of a configuration accept and refuse; checked by the compiler. */
import { table } from '../schema/define.js';
import { defineConfig } from './config.js';

interface Order {
  readonly id: bigint;
  readonly item: string;
}

const base = { name: 'x', source: { vtgate: 'a:1', keyspace: 'k' }, state: { keyspace: 'v', table: 's' } } as const;

defineConfig({ ...base, sink: { type: 'duckdb', path: 'x.duckdb' } });
defineConfig({ ...base, sink: { type: 'jsonl' }, state: { type: 'file', path: 'state' } });
defineConfig({ ...base, sink: { module: './sink.js', options: { a: 1 } }, until: '30s' });

defineConfig({
  ...base,
  tables: { orders: table<Order>(), 'billing.*': true },
  sink: async (batch) => {
    for (const change of batch.of('orders')) {
      const item: string | undefined = change.after?.item;
      void item;
      // @ts-expect-error the row has no such column
      void change.after?.price;
    }
    // @ts-expect-error not among the tables
    batch.of('customers');
  },
});

// @ts-expect-error a DuckDB file needs its path
defineConfig({ ...base, sink: { type: 'duckdb' } });
// @ts-expect-error no such sink
defineConfig({ ...base, sink: { type: 'duck', path: 'x' } });
// @ts-expect-error not a duration
defineConfig({ ...base, sink: { type: 'jsonl' }, lease: 'soon' });
