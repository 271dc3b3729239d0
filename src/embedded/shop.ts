/**
 * A small shop that keeps ordering, for `vstream demo`: customers, products, orders and their items in one keyspace.
 * Deterministic: the same seed, start and sequence of ticks give the same rows.
 */
import { seededRandom } from './clock.js';
import type { Engine, TableInput } from './engine.js';
import type { RowObject } from './values.js';
import type { Write } from './writes.js';

export const SHOP_KEYSPACE = 'shop';

/** Tables in the order a reader would name them. */
export const SHOP_TABLES = ['customers', 'products', 'orders', 'order_items'] as const;

const ID = { name: 'id', type: 'bigint', key: true };

const TABLES: Readonly<Record<(typeof SHOP_TABLES)[number], TableInput>> = {
  customers: {
    columns: [
      ID,
      { name: 'name', type: 'varchar(80)', nullable: false },
      { name: 'email', type: 'varchar(120)', nullable: false },
      { name: 'country', type: 'char(2)' },
      { name: 'joined_at', type: 'datetime(6)' },
    ],
  },
  products: {
    columns: [
      ID,
      { name: 'sku', type: 'varchar(20)', nullable: false },
      { name: 'title', type: 'varchar(120)' },
      { name: 'price', type: 'decimal(10,2)' },
      { name: 'stock', type: 'int' },
      { name: 'tags', type: "set('new','sale','eco')" },
    ],
  },
  orders: {
    columns: [
      ID,
      { name: 'customer_id', type: 'bigint', nullable: false },
      { name: 'status', type: "enum('placed','paid','shipped','cancelled')" },
      { name: 'total', type: 'decimal(10,2)' },
      { name: 'details', type: 'json' },
      { name: 'placed_at', type: 'datetime(6)' },
      { name: 'updated_at', type: 'timestamp(6)' },
    ],
  },
  order_items: {
    columns: [
      { name: 'order_id', type: 'bigint', key: true },
      { name: 'line', type: 'int', key: true },
      { name: 'product_id', type: 'bigint' },
      { name: 'quantity', type: 'int' },
      { name: 'price', type: 'decimal(10,2)' },
    ],
  },
};

const FIRST = [
  'Ada',
  'Bram',
  'Chiara',
  'Dmitri',
  'Elif',
  'Farid',
  'Greta',
  'Hiro',
  'Inês',
  'Jonas',
  'Kaya',
  'Łucja',
  'Mei',
  'Noor',
  'Óscar',
  'Priya',
];
const LAST = [
  'Alvarez',
  'Bauer',
  'Costa',
  'Dubois',
  'Ekström',
  'Fischer',
  'García',
  'Hansen',
  'Ito',
  'Jansen',
  'Kowalski',
  'Li',
  'Müller',
  'Nguyen',
  'Okafor',
  'Petrov',
];
const THINGS = ['kettle', 'lamp', 'notebook', 'backpack', 'mug', 'chair', 'clock', 'blanket', 'teapot', 'umbrella'];
const KINDS = ['enamel', 'oak', 'linen', 'folding', 'ceramic', 'wool', 'brass', 'cork'];
const COUNTRIES = ['DE', 'NL', 'PT', 'JP', 'BR', 'SE', 'IN', 'CA'];

export interface ShopOptions {
  /** Default 1. */
  seed?: number;
  customers?: number;
  products?: number;
  /** Orders there before the stream starts: what the demo copies. */
  orders?: number;
}

/** Puts the shop into an engine; the keyspace may have any shards. */
export class Shop {
  readonly keyspace = SHOP_KEYSPACE;
  #engine: Engine;
  #random: () => number;
  #customers: number;
  #products: number;
  #nextOrder = 1;
  /** Items of each order that may still be cancelled. */
  #lines = new Map<number, number>();
  /** Orders that are not finished, oldest first. */
  #open: { id: number; status: 'placed' | 'paid' }[] = [];
  #stopTimer: (() => void) | undefined;

  constructor(engine: Engine, { seed = 1, customers = 400, products = 80, orders = 3000 }: ShopOptions = {}) {
    this.#engine = engine;
    this.#random = seededRandom(seed);
    this.#customers = customers;
    this.#products = products;
    if (!engine.keyspaces.has(SHOP_KEYSPACE)) engine.createKeyspace(SHOP_KEYSPACE);
    for (const table of SHOP_TABLES) engine.createTable(SHOP_KEYSPACE, { name: table, ...TABLES[table] });
    engine.seed(
      SHOP_KEYSPACE,
      'customers',
      Array.from({ length: customers }, (_, index) => this.#customer(index + 1)),
    );
    engine.seed(
      SHOP_KEYSPACE,
      'products',
      Array.from({ length: products }, (_, index) => this.#product(index + 1)),
    );
    for (let count = 0; count < orders; count += 1) {
      const { order, items } = this.#order(engine.clock.now() - (orders - count) * 60_000);
      engine.seed(SHOP_KEYSPACE, 'orders', [{ ...order, status: 'shipped' }]);
      engine.seed(SHOP_KEYSPACE, 'order_items', items);
    }
    this.#open = [];
    this.#lines.clear();
  }

  /** One thing happens: mostly an order, at times a payment, a shipment, a cancellation, a new price or a new customer. */
  tick(): void {
    const dice = this.#random();
    const oldest = this.#open[0];
    if (dice < 0.45 || !oldest) this.#place();
    else if (dice < 0.85) this.#advance(oldest);
    else if (dice < 0.9) this.#cancel();
    else if (dice < 0.97) this.#reprice();
    else {
      this.#customers += 1;
      this.#write([{ op: 'insert', table: 'customers', row: this.#customer(this.#customers) }]);
    }
  }

  /** Ticks on the engine's clock, about `perSecond` times a second, until the returned function is called. */
  keepOrdering(perSecond = 20): () => void {
    const step = (): void => {
      this.tick();
      this.#stopTimer = this.#engine.clock.after((0.5 + this.#random()) * (1000 / perSecond), step);
    };
    this.#stopTimer = this.#engine.clock.after(1000 / perSecond, step);
    return () => this.#stopTimer?.();
  }

  #write(writes: Write[]): void {
    this.#engine.write(SHOP_KEYSPACE, writes);
  }

  #place(): void {
    const { order, items } = this.#order(this.#engine.clock.now());
    this.#write([
      { op: 'insert', table: 'orders', row: order },
      { op: 'insert', table: 'order_items', rows: items },
    ]);
  }

  #advance(order: { id: number; status: 'placed' | 'paid' }): void {
    const status = order.status === 'placed' ? 'paid' : 'shipped';
    this.#write([
      { op: 'update', table: 'orders', where: { id: order.id }, set: { status, updated_at: this.#time(this.#engine.clock.now()) } },
    ]);
    this.#open.shift();
    if (status === 'shipped') this.#lines.delete(order.id);
    if (status === 'paid') this.#open.push({ id: order.id, status });
  }

  /** Cancelled orders lose their items: deletes for the stream. */
  #cancel(): void {
    const order = this.#open.splice(Math.floor(this.#random() * this.#open.length), 1)[0];
    if (!order) return;
    const items = this.#lines.get(order.id) ?? 0;
    this.#lines.delete(order.id);
    const writes: Write[] = [
      {
        op: 'update',
        table: 'orders',
        where: { id: order.id },
        set: { status: 'cancelled', updated_at: this.#time(this.#engine.clock.now()) },
      },
    ];
    for (let line = 1; line <= items; line += 1) writes.push({ op: 'delete', table: 'order_items', where: { order_id: order.id, line } });
    this.#write(writes);
  }

  #reprice(): void {
    const id = 1 + Math.floor(this.#random() * this.#products);
    this.#write([
      { op: 'update', table: 'products', where: { id }, set: { price: this.#price(), tags: this.#random() < 0.5 ? 'sale' : '' } },
    ]);
  }

  #order(at: number): { order: RowObject; items: RowObject[] } {
    const id = this.#nextOrder;
    this.#nextOrder += 1;
    let cents = 0;
    const items = Array.from({ length: 1 + Math.floor(this.#random() * 4) }, (_, index) => {
      const quantity = 1 + Math.floor(this.#random() * 3);
      const price = this.#price();
      cents += quantity * Math.round(Number(price) * 100);
      return { order_id: id, line: index + 1, product_id: 1 + Math.floor(this.#random() * this.#products), quantity, price };
    });
    this.#lines.set(id, items.length);
    this.#open.push({ id, status: 'placed' });
    if (this.#open.length > 200) this.#lines.delete(this.#open.shift()?.id ?? 0);
    const time = this.#time(at);
    const details = { channel: this.#random() < 0.7 ? 'web' : 'app', gift: this.#random() < 0.1 };
    return {
      items,
      order: {
        id,
        customer_id: 1 + Math.floor(this.#random() * this.#customers),
        status: 'placed',
        total: (cents / 100).toFixed(2),
        details,
        placed_at: time,
        updated_at: time,
      },
    };
  }

  #customer(id: number): RowObject {
    const first = this.#pick(FIRST);
    const last = this.#pick(LAST);
    return {
      id,
      name: `${first} ${last}`,
      email: `customer${id}@example.com`,
      country: this.#pick(COUNTRIES),
      joined_at: this.#time(this.#engine.clock.now() - id * 3_600_000),
    };
  }

  #product(id: number): RowObject {
    return {
      id,
      sku: `SKU-${String(id).padStart(4, '0')}`,
      title: `${this.#pick(KINDS)} ${this.#pick(THINGS)}`,
      price: this.#price(),
      stock: Math.floor(this.#random() * 500),
      tags: this.#random() < 0.3 ? 'new,eco' : '',
    };
  }

  #price(): string {
    return (2 + this.#random() * 98).toFixed(2);
  }

  #pick(list: readonly string[]): string {
    return list[Math.floor(this.#random() * list.length)] as string;
  }

  #time(ms: number): string {
    return `${new Date(Math.floor(ms)).toISOString().replace('T', ' ').replace('Z', '')}000`;
  }
}
