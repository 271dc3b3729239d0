/**
 * An own loop that goes on where it was: `node examples/own-loop/main.ts localhost:33575 commerce`. Copies the orders, follows
 * them, tells their sum; prices and position are in one file, so they cannot disagree.
 *
 * The prices are kept by key, and not as a sum to which changes are added: while a copy catches up, changes come for rows that it has
 * not reached, and the same rows come again as copied ones (G111). Written by key they count once.
 */
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { Position, table, VStreamError, vstream } from 'vstream-client';

interface Order {
  id: bigint;
  item: string | null;
  price: string | null;
}

const [vtgate = 'localhost:33575', keyspace = 'commerce', file = 'orders-prices.json'] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const saved = existsSync(file)
  ? (JSON.parse(await readFile(file, 'utf8')) as { prices: Record<string, string>; position: unknown })
  : undefined;
const prices = new Map(Object.entries(saved?.prices ?? {}));

/** A decimal is exact text; `Number` would round. */
const centsOf = (price: string): bigint => BigInt(price.replace('.', ''));

const stream = vstream({
  source: { vtgate, keyspace },
  tables: { orders: table<Order>() },
  from: saved ? Position.parse(saved.position) : 'beginning',
  signal: stop.signal,
});

try {
  for await (const batch of stream) {
    for (const { before, after } of batch.of('orders')) {
      if (before) prices.delete(String(before.id)); // deleted, or perhaps under another key from now on
      if (after) prices.set(String(after.id), after.price ?? '0.00');
    }
    // Deletes and inserts that never come cannot be made up for: statements that change rows are for a human.
    if (batch.schema?.kind === 'truncate' || batch.schema?.kind === 'rows-changed')
      throw new Error(`${batch.schema.table} changed without events`);
    // Whole or not at all: a half-written file would be neither the old state nor the new one.
    await writeFile(`${file}.new`, JSON.stringify({ prices: Object.fromEntries(prices), position: batch.position }));
    await rename(`${file}.new`, file);
    if (batch.changes.length === 0) continue;
    const cents = [...prices.values()].reduce((sum, price) => sum + centsOf(price), 0n);
    console.log(`sum ${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`);
  }
} catch (error) {
  if (!VStreamError.is(error)) throw error;
  console.error(`${error.code}: ${error.message}\n${error.next ?? ''}`);
  process.exitCode = 1;
}
