/** `npx vstream run examples/to-duckdb/vstream.config.ts`: orders into a DuckDB file, exactly once, across restarts. Flags win over this file. */
import { defineConfig } from 'vstream-client';
import { duckdb } from 'vstream-client/duckdb';

export default defineConfig({
  name: 'orders-to-duckdb',
  source: { vtgate: 'localhost:33575', keyspace: 'commerce' },
  tables: ['orders'],
  state: { keyspace: process.env['STATE_KEYSPACE'] ?? 'commerce', table: 'vstream_state' },
  sink: duckdb({ path: process.env['ORDERS_FILE'] ?? 'orders.duckdb' }),
});
