/** The source of the demonstration: a small shop on the engine of the embedded VTGate, two shards, that keeps taking orders. */
import type { EmbeddedVtgate } from '../embedded/server.js';
import type { Clock } from '../internal/clock.js';
import type { StateTable } from '../pipeline/options.js';
import { containsGtids, parseGtidSet } from '../position/gtid.js';
import type { Position } from '../position/position.js';

/** An order at the moment of its commit. */
export interface ShopOrder {
  readonly id: number;
  /** For people: who bought what. */
  readonly text: string;
  /** Monotonic milliseconds. */
  readonly at: number;
}

export interface DemoShop extends AsyncDisposable {
  readonly address: string;
  readonly keyspace: string;
  readonly tables: readonly string[];
  /** Where the stream keeps its state: in the same embedded VTGate. */
  readonly state: StateTable;
  /** Takes orders until `close`; calls back at each commit. */
  open(onOrder: (order: ShopOrder) => void): void;
  close(): void;
  /** Cuts every connection to the VTGate. */
  cut(): void;
  /** Rows of a table now. */
  count(table: string): number;
  /** True when every row the shop has, and everything it has written, is before this position. */
  isIn(position: Position | undefined): boolean;
}

const KEYSPACE = 'shop';
const SHARDS = ['-80', '80-'];
const NAMES = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald', 'Radia', 'Ken', 'Frances', 'Leslie', 'Margaret'];
const FAMILIES = ['Okafor', 'Lindgren', 'Moreau', 'Tanaka', 'Silva', 'Novak', 'Haddad', 'Murphy'];
const GOODS = ['teapot', 'cup', 'green tea', 'black tea', 'honey', 'kettle', 'tray', 'strainer', 'biscuits', 'lemon'];
const STATUSES = ['placed', 'paid', 'shipped'] as const;
const CUSTOMERS = 400;
const FIRST_ORDERS = 20_000;
/** About 25 commits a second. */
const EVERY_MS = 40;

export async function openShop(clock: Clock): Promise<DemoShop> {
  const { startEmbeddedVtgate } = await import('../embedded/server.js');
  const vtgate = await startEmbeddedVtgate({
    keyspaces: {
      vstream: {},
      [KEYSPACE]: {
        shards: SHARDS,
        tables: {
          customers: {
            columns: [
              { name: 'id', type: 'bigint', key: true },
              { name: 'name', type: 'varchar(64)' },
              { name: 'email', type: 'varchar(128)' },
            ],
            rows: Array.from({ length: CUSTOMERS }, (_, at) => ({
              id: at + 1,
              name: customer(at + 1),
              email: `customer${at + 1}@example.com`,
            })),
          },
          products: {
            columns: [
              { name: 'id', type: 'bigint', key: true },
              { name: 'name', type: 'varchar(64)' },
              { name: 'price', type: 'decimal(9,2)' },
            ],
            rows: GOODS.map((name, at) => ({ id: at + 1, name, price: price(at + 1) })),
          },
          orders: {
            columns: [
              { name: 'id', type: 'bigint', key: true },
              { name: 'customer_id', type: 'bigint' },
              { name: 'product_id', type: 'bigint' },
              { name: 'quantity', type: 'int' },
              { name: 'total', type: 'decimal(9,2)' },
              { name: 'status', type: "enum('placed','paid','shipped')" },
              { name: 'placed_at', type: 'datetime' },
            ],
            rows: Array.from({ length: FIRST_ORDERS }, (_, at) => order(at + 1, clock.now() - (FIRST_ORDERS - at) * 60_000, 'shipped')),
          },
        },
      },
    },
  });
  return shopOf(vtgate, clock);
}

function shopOf(vtgate: EmbeddedVtgate, clock: Clock): DemoShop {
  const { engine } = vtgate;
  let next = FIRST_ORDERS;
  let stop: (() => void) | undefined;

  const takeOrder = (): ShopOrder => {
    const id = (next += 1);
    const row = order(id, clock.now(), 'placed');
    const at = clock.monotonic();
    engine.write(KEYSPACE, [{ op: 'insert', table: 'orders', row }]);
    return { id, at, text: `${customer(row.customer_id)} buys ${row.quantity} x ${GOODS[row.product_id - 1]} for ${row.total}` };
  };
  /** An older order moves on; now and then one is cancelled. */
  const serveOrder = (): void => {
    const where = { id: next - Math.ceil(engine.random() * Math.min(200, next - FIRST_ORDERS)) };
    const cancelled = where.id % 40 === 0;
    const status = STATUSES[1 + Math.floor(engine.random() * 2)];
    engine.write(KEYSPACE, [
      cancelled ? { op: 'delete', table: 'orders', where } : { op: 'update', table: 'orders', where, set: { status } },
    ]);
  };

  return {
    address: vtgate.address,
    keyspace: KEYSPACE,
    tables: ['customers', 'products', 'orders'],
    state: { keyspace: 'vstream', table: 'streams' },
    open(onOrder) {
      let turn = 0;
      const tick = (): void => {
        stop = clock.after(EVERY_MS, tick);
        turn += 1;
        if (turn % 3 === 0) serveOrder();
        else onOrder(takeOrder());
      };
      tick();
    },
    close() {
      stop?.();
    },
    cut: () => vtgate.faults.cut(),
    count: (table) => engine.rows(KEYSPACE, table).length,
    isIn(position) {
      if (!position?.copied) return false;
      return SHARDS.every((shard) => {
        const reached = parseGtidSet(position.gtid(KEYSPACE, shard) ?? '');
        const written = parseGtidSet(engine.executed(KEYSPACE, shard));
        return reached !== undefined && written !== undefined && containsGtids(reached, written);
      });
    },
    async [Symbol.asyncDispose]() {
      stop?.();
      await vtgate.close();
    },
  };
}

function customer(id: number): string {
  return `${NAMES[id % NAMES.length]} ${FAMILIES[id % FAMILIES.length]}`;
}

function price(product: number): string {
  return (((product * 737) % 4_000) / 100 + 1).toFixed(2);
}

interface OrderRow extends Record<string, unknown> {
  readonly id: number;
  readonly customer_id: number;
  readonly product_id: number;
  readonly quantity: number;
  readonly total: string;
  readonly status: string;
  readonly placed_at: string;
}

/** The same id is always the same order. */
function order(id: number, at: number, status: string): OrderRow {
  const product = 1 + ((id * 7) % GOODS.length);
  const quantity = 1 + (id % 4);
  return {
    id,
    customer_id: 1 + ((id * 31) % CUSTOMERS),
    product_id: product,
    quantity,
    total: (Number(price(product)) * quantity).toFixed(2),
    status,
    placed_at: new Date(at).toISOString().slice(0, 19).replace('T', ' '),
  };
}
