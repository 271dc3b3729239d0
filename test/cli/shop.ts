/** A source for the program under test: an embedded VTGate in the test's own process. */
import { startEmbeddedVtgate, type EmbeddedOptions, type EmbeddedVtgate } from '../../src/embedded/index.js';

const ROWS = 50;

/** Keyspace `shop` on two shards with `orders` (50 rows) and `empty`; keyspace `vstream` for state. */
export function startShop(options: EmbeddedOptions = {}): Promise<EmbeddedVtgate> {
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'item', type: 'varchar(40)' },
    { name: 'price', type: 'decimal(9,2)' },
  ];
  const rows = Array.from({ length: ROWS }, (_, at) => ({ id: at + 1, item: `item ${at + 1}`, price: '2.50' }));
  return startEmbeddedVtgate({
    keyspaces: { vstream: {}, shop: { shards: ['-80', '80-'], tables: { orders: { columns, rows }, empty: { columns } } } },
    ...options,
  });
}

/** One order more, as a transaction. */
export function placeOrder(shop: EmbeddedVtgate, id: number): void {
  shop.engine.write('shop', [{ op: 'insert', table: 'orders', row: { id, item: 'tea', price: '3.20' } }]);
}
