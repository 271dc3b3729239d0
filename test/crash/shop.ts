/** A shop that writes at random: two shards, moves between them, a keyless table, many small ones, TRUNCATE and DDL. Seeded. */
import type { Engine, KeyspaceInput, TableInput, Write } from '../../src/embedded/index.js';

export const SHARDS = ['-80', '80-'] as const;
/** Small enough to be copied beside the stream; the first in its plan, and some come later. */
const small = (at: number): string => `bit_${String(at).padStart(3, '0')}`;
const SMALL = Array.from({ length: 10 }, (_, at) => small(at));
const MOST_SMALL = 200;
const ROWS = 400;
/** Not UTF-8: the client cannot read it, and DuckDB could not hold it. */
const UNREADABLE = Buffer.from([0x6f, 0xff, 0xfe]);

export function shopKeyspace(): KeyspaceInput {
  return {
    shards: [...SHARDS],
    tables: {
      item: {
        columns: [
          { name: 'id', type: 'bigint', key: true },
          { name: 'name', type: 'varchar(64)' },
          { name: 'amount', type: 'decimal(10,2)' },
        ],
        rows: Array.from({ length: ROWS }, (_, at) => ({ id: at + 1, name: `item ${at + 1}`, amount: '1.50' })),
      },
      pair: {
        columns: [
          { name: 'a', type: 'int', key: true },
          { name: 'b', type: 'varchar(16)', key: true },
          { name: 'n', type: 'int' },
        ],
        rows: Array.from({ length: ROWS }, (_, at) => ({ a: at % 20, b: `b${at}`, n: at })),
      },
      // Without a key, and by its name the first that is copied: its changes come behind its copy in a short run too.
      bare: {
        columns: [
          { name: 'at', type: 'int' },
          { name: 'text', type: 'varchar(64)' },
        ],
        rows: Array.from({ length: 60 }, (_, at) => ({ at: at + 1, text: `first ${at + 1}` })),
      },
      // Rows of which some cannot be read: those belong among the dead letters. Only inserted, so that each is somewhere in the end.
      odd: {
        columns: [
          { name: 'id', type: 'bigint', key: true },
          { name: 'text', type: 'varchar(16)' },
        ],
        rows: Array.from({ length: 600 }, (_, at) => ({ id: -1 - at, text: at % 5 === 0 ? UNREADABLE : `odd ${at}` })),
      },
      // One row in every transaction: written as a log at the sink, it shows a transaction applied twice or never.
      ledger: {
        columns: [
          { name: 'entry', type: 'bigint', key: true },
          { name: 'wrote', type: 'varchar(32)' },
        ],
      },
      ...Object.fromEntries(SMALL.map((name, at) => [name, smallTable(at)])),
    },
  };
}

/** Of none to eleven rows. */
function smallTable(at: number): TableInput {
  return {
    columns: [
      { name: 'id', type: 'int', key: true },
      { name: 'text', type: 'varchar(64)' },
    ],
    rows: Array.from({ length: at % 12 }, (_, id) => ({ id: id + 1, text: `first ${id + 1}` })),
  };
}

export class Shop {
  readonly #engine: Engine;
  readonly #small = [...SMALL];
  readonly #random: () => number;
  #copied = 0;
  #entries = 0;
  #columns = 0;
  #odd = 0;
  /** Changes committed, for the report. */
  writes = 0;

  constructor(engine: Engine, random: () => number) {
    this.#engine = engine;
    this.#random = random;
  }

  get tables(): readonly string[] {
    return ['bare', ...this.#small, 'item', 'ledger', 'odd', 'pair'];
  }

  /** A few transactions; now and then something larger. */
  work(): void {
    for (let count = 1 + this.#below(4); count > 0; count--) this.#transaction();
    if (this.#random() < 0.01) this.#engine.ddl('shop', 'truncate table pair');
    if (this.#random() < 0.05) this.truncate();
    if (this.#random() < 0.2 && this.#small.length < MOST_SMALL) this.#open(small(this.#small.length));
    if (this.#random() < 0.004 && this.#columns < 6) this.#engine.ddl('shop', `alter table item add column extra${++this.#columns} int`);
  }

  truncate(): void {
    this.#engine.ddl('shop', `truncate table ${this.#anySmall()}`);
  }

  /** A new table, taken up by the next life of the client. */
  #open(name: string): void {
    this.#engine.ddl('shop', `create table ${name} (id int not null, text varchar(64), primary key (id))`);
    this.#small.push(name);
    for (const shard of SHARDS) {
      const rows = Array.from({ length: this.#below(8) }, (_, at) => ({ id: 2 * at + SHARDS.indexOf(shard), text: `first ${at}` }));
      if (rows.length > 0) this.#commit(shard, [{ op: 'insert', table: name, rows }]);
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #transaction(): void {
    const shard = SHARDS[this.#below(2)] as string;
    const writes: Write[] = [];
    // One write a row in a transaction: the rows are picked before any of them is written.
    const touched = new Set<string>();
    for (let count = 1 + this.#below(5); count > 0; count--) {
      const write = this.#write(shard);
      if (!write) continue;
      const row = 'where' in write ? write.where : 'row' in write ? write.row : undefined;
      const { id, at, a, b } = row as Record<string, unknown>;
      const name = `${write.table} ${String(id ?? at)} ${String(a)} ${String(b)}`;
      if (!touched.has(name)) writes.push(write);
      touched.add(name);
    }
    this.#commit(shard, writes);
    if (this.#random() < 0.1) this.move();
  }

  #commit(shard: string, writes: readonly Write[]): void {
    const entry = ++this.#entries;
    this.writes += writes.length + 1;
    this.#engine.transaction('shop', shard, [...writes, { op: 'insert', table: 'ledger', row: { entry, wrote: shard } }]);
  }

  #write(shard: string): Write | undefined {
    const n = this.#below(1_000_000);
    switch (this.#below(10)) {
      case 0:
        return { op: 'insert', table: 'bare', row: { at: n, text: `note ${n}` } };
      case 1: {
        const row = this.#any('bare', shard);
        return row && { op: 'delete', table: 'bare', where: row };
      }
      case 2: {
        const id = 1 + this.#below(ROWS * 2);
        return this.#home('item', { id }) ? undefined : { op: 'insert', table: 'item', row: { id, name: `new ${n}`, amount: '2.25' } };
      }
      case 3: {
        const row = this.#any('item', shard);
        return row && { op: 'update', table: 'item', where: { id: row['id'] }, set: { name: `changed ${n}` } };
      }
      case 4: {
        const row = this.#any('item', shard);
        return row && { op: 'delete', table: 'item', where: { id: row['id'] } };
      }
      case 5: {
        const table = this.#anySmall();
        const id = 1 + this.#below(15);
        return this.#home(table, { id }) ? undefined : { op: 'insert', table, row: { id, text: `new ${n}` } };
      }
      case 6: {
        const table = this.#anySmall();
        const row = this.#any(table, shard);
        return row && { op: 'update', table, where: { id: row['id'] }, set: { text: `changed ${n}` } };
      }
      case 7: {
        const table = this.#anySmall();
        const row = this.#any(table, shard);
        return row && { op: 'delete', table, where: { id: row['id'] } };
      }
      case 8:
        return { op: 'insert', table: 'odd', row: { id: ++this.#odd, text: n % 3 === 0 ? UNREADABLE : `odd ${n}` } };
      default:
        return { op: 'upsert', table: 'pair', row: { a: this.#below(20), b: `${shard}${this.#below(200)}`, n } };
    }
  }

  /** A row that changes its shard: two transactions, as VTGate's update of a vindex column makes them. */
  move(): void {
    const from = SHARDS[this.#below(2)] as string;
    const to = SHARDS.find((one) => one !== from) as string;
    const table = this.#random() < 0.5 ? 'item' : this.#anySmall();
    const row = this.#any(table, from);
    if (!row) return;
    this.#commit(from, [{ op: 'delete', table, where: { id: row['id'] } }]);
    this.#commit(to, [{ op: 'insert', table, row: { ...row, [table === 'item' ? 'name' : 'text']: `moved to ${to}` } }]);
  }

  /** The client copies this table, or has done so: its changes, and those of the next, are the ones that could go wrong. */
  copies(table: string): void {
    const at = this.#small.indexOf(table);
    if (at >= 0) this.#copied = at;
  }

  #anySmall(): string {
    const near = this.#copied + this.#below(3);
    return this.#small[this.#random() < 0.7 ? Math.min(near, this.#small.length - 1) : this.#below(this.#small.length)] as string;
  }

  #any(table: string, shard: string): Record<string, unknown> | undefined {
    const rows = this.#engine.rows('shop', table, shard);
    return rows[this.#below(rows.length)];
  }

  #home(table: string, { id }: { id: number }): boolean {
    return this.#engine.rows('shop', table).some((row) => Number(row['id']) === id);
  }
}
