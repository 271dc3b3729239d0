/** What the types of `sink` accept and infer; checked by the compiler. */
import { table } from '../schema/define.js';
import type { Batch } from '../stream/change.js';
import { defineConfig } from './config.js';
import { run, start } from './start.js';
import type { Sink } from './sink.js';

interface Order {
  readonly id: bigint;
  readonly item: string;
}

const base = { name: 'x', source: { vtgate: 'a:1', keyspace: 'k' }, state: { keyspace: 'v', table: 's' } } as const;
const tables = { orders: table<Order>() };
const capabilities = { position: 'external', deletes: true, sweep: false, schema: 'fixed' } as const;

// A sink written in place knows what it is called with.
void run({
  ...base,
  tables,
  sink: {
    capabilities,
    open: async ({ name, epoch }) => {
      name satisfies string;
      epoch satisfies bigint;
      return {};
    },
    async apply(batch, { signal }) {
      signal.throwIfAborted();
      for (const change of batch.changes) void change.afterCells?.text(0);
    },
    sweep: async ({ table: name }, shard, generation) => name.length + shard.length + generation,
    async close() {},
  },
});
defineConfig({
  ...base,
  sink: { capabilities, open: async () => ({}), apply: async (batch) => void batch.position, close: async () => {} },
});
// One that stores no position has nothing to return.
defineConfig({
  ...base,
  sink: { capabilities, async open() {}, async apply() {}, async close() {} },
});

// So does a function, by the tables it is given.
start({ ...base, tables, sink: (batch) => batch.of('orders').forEach((change) => void change.after?.item.length) });
void run({ ...base, sink: async (batch, { epoch }) => void [batch.changes[0]?.after?.['item'], epoch] });

// A function and a class that know no tables serve any.
declare function log(batch: Batch): Promise<void>;
declare const sink: Sink;
void run({ ...base, tables, sink: log });
void run({ ...base, tables, sink });
start({ ...base, tables: ['orders'], sink: log });

// @ts-expect-error not a sink: it cannot be opened
void run({ ...base, sink: { capabilities, async apply() {}, async close() {} } });
// @ts-expect-error a handler takes a batch
void run({ ...base, sink: async (batch: string) => void batch });
