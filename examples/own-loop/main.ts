/**
 * An own loop that goes on where it was: `node examples/own-loop/main.ts localhost:33575 commerce`. Copies the orders, follows
 * them, keeps their sum; both the sum and the position are in one file, so they cannot disagree.
 */
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { Position, table, VStreamError, vstream } from 'vstream-client';

interface Order {
  id: bigint;
  item: string | null;
  price: string | null;
}

const [vtgate = 'localhost:33575', keyspace = 'commerce', file = 'orders-sum.json'] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const saved = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as { cents: string; position: unknown }) : undefined;
let cents = BigInt(saved?.cents ?? 0);

/** A decimal is exact text; `Number` would round. */
const centsOf = ({ price }: Order): bigint => BigInt(price?.replace('.', '') ?? 0);

const stream = vstream({
  source: { vtgate, keyspace },
  tables: { orders: table<Order>() },
  from: saved ? Position.parse(saved.position) : 'beginning',
  signal: stop.signal,
});

try {
  for await (const batch of stream) {
    for (const change of batch.of('orders')) {
      if (change.before) cents -= centsOf(change.before);
      if (change.after) cents += centsOf(change.after);
    }
    // A sum cannot be repaired by deletes and inserts that never come: statements that change rows are for a human.
    if (batch.schema?.kind === 'truncate' || batch.schema?.kind === 'rows-changed')
      throw new Error(`${batch.schema.table} changed without events`);
    // Whole or not at all: a half-written file would be neither the old state nor the new one.
    await writeFile(`${file}.new`, JSON.stringify({ cents: String(cents), position: batch.position }));
    await rename(`${file}.new`, file);
    if (batch.changes.length > 0) console.log(`sum ${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`);
  }
} catch (error) {
  if (!VStreamError.is(error)) throw error;
  console.error(`${error.code}: ${error.message}\n${error.next ?? ''}`);
  process.exitCode = 1;
}
