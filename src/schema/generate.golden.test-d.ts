// Written by `vstream types` from the keyspace commerce. Do not edit: run it again.
import { type JsonValue, table, type TableDefinition } from '../index.js';

/** A row of `commerce.orders`. */
export interface Orders {
  /** counts up */
  id: bigint;
  status: 'new' | "it's" | 'a, (b)';
  tags: string | null;
  /** ends a comment *\/ or not */
  total: number;
  paid: boolean | null;
  body: JsonValue | null;
  title: string;
  'created at': Date;
  place: Uint8Array;
  ['__proto__']: Uint8Array | null;
}

export const orders = table({
  declared: {
    id: 'bigint unsigned',
    status: "enum('new','it''s','a, (b)')",
    tags: "set('a','b') null",
    total: 'decimal(12,2)',
    paid: 'tinyint(1) null',
    body: 'json null',
    title: 'varchar(20)',
    'created at': 'timestamp(6)',
    place: 'point',
    ['__proto__']: 'varbinary(16) null',
  },
  types: {
    total: 'number',
    paid: 'boolean',
    title: 'charset:gbk',
    'created at': 'date',
  },
});

/** A row of `commerce.order_items`. */
export interface OrderItems {
  id: number;
  embedding: Float32Array | null;
  price: unknown;
}

export const orderItems: TableDefinition<OrderItems> = table({
  declared: {
    id: 'int',
    embedding: 'vector(3) null',
    price: 'decimal(12,2) null',
  },
}) as TableDefinition<OrderItems>;

/** A row of `commerce.class`. */
export interface Class {
  id: number;
}

export const class_ = table({
  declared: {
    id: 'int',
  },
});

/** A row of `commerce.Class`. */
export interface Class2 {
  id: number;
}

export const class2 = table({
  declared: {
    id: 'int',
  },
});

/** A row of `commerce.2024-sales`. */
export interface _2024Sales {
  amount: number | null;
  what: string;
}

export const _2024Sales2 = table({
  declared: {
    amount: 'double null',
    what: "enum('a\\\\b')",
  },
});

/** Every table of this file, for `tables`. */
export const tables = {
  orders,
  order_items: orderItems,
  class: class_,
  Class: class2,
  '2024-sales': _2024Sales2,
};
