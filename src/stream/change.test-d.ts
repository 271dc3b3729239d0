/** What a typed batch may be given to; checked by the compiler. */
import { type RowOf, table, type TableDefinition } from '../schema/define.js';
import type { Batch, Change, Transaction } from './change.js';

interface Order {
  readonly id: bigint;
  readonly item: string;
}
interface Line {
  order_id: bigint;
  qty: number | null;
}
const tables = { orders: table<Order>(), lines: table<Line>() };

declare const typed: Batch<typeof tables>;
declare const bare: Batch;

declare function count(batch: Batch): number;
declare function audit(change: Change): void;
declare function commit(transaction: Transaction): void;
declare function save(order: Order): void;

// A helper that knows no tables takes every batch, and its parts.
count(typed);
count(bare);
for (const change of typed.changes) audit(change);
for (const change of typed.of('orders')) audit(change);
for (const transaction of typed.transactions) commit(transaction);

// One that knows a table takes only batches that have it.
declare function ship(batch: Batch<{ orders: (typeof tables)['orders'] }>): void;
// @ts-expect-error a batch of unknown tables is not one of orders
ship(bare);

// Rows are the interface they were declared with.
for (const change of typed.of('orders')) if (change.after) save(change.after);
const order: Order = {} as RowOf<(typeof tables)['orders']>;
void order;
for (const change of typed.changes) {
  // @ts-expect-error which of the tables?
  void change.after?.item;
  if (change.table === 'orders') void change.after?.item.length;
  else if (change.op === 'delete') void change.before.qty?.toFixed();
}
// @ts-expect-error not among the tables
typed.of('customers');
bare.of('anything');

// Keys with a keyspace and patterns: `table` is the name alone, and `of` takes the key as written.
interface Invoice {
  readonly id: bigint;
  readonly sum: string;
}
declare const mixed: Batch<{ 'billing.orders': (typeof tables)['lines']; 'shop.orders': (typeof tables)['orders']; 'billing.*': true }>;
for (const change of mixed.of('billing.orders')) void change.after?.qty;
for (const change of mixed.of('shop.orders')) void change.after?.item;
for (const change of mixed.of('billing.*')) void change.after?.['anything'];
for (const change of mixed.of('billing.refunds')) void change.after?.['anything'];
declare const invoices: Batch<{ 'billing.invoices': TableDefinition<Invoice> }>;
for (const change of invoices.changes) if (change.table === 'invoices') void change.after?.sum;
// @ts-expect-error a change carries the name without the keyspace
for (const change of invoices.changes) if (change.table === 'billing.invoices') void change;
for (const change of invoices.of('invoices')) void change.after?.sum;
count(mixed);
