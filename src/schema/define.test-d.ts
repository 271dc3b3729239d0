/** What typed tables infer; checked by the compiler (npm run typecheck). */
import type { EnumLabels } from './declared-types.js';
import { type KyselyRow, type RowOf, table } from './define.js';
import type { OrderItems, orderItems, Orders, orders } from './generate.golden.test-d.js';
import type { StandardSchema } from './standard-schema.js';
import type { JsonValue, Row } from './values.js';

type Equal<A, B> = [A] extends [B]
  ? [B] extends [A]
    ? keyof A extends keyof B
      ? keyof B extends keyof A
        ? true
        : false
      : false
    : false
  : false;
const same = <A, B>(expected: Equal<A, B>): Equal<A, B> => expected;

interface Order {
  id: bigint;
  note: string | null;
}

// A type parameter alone.
const plain = table<Order>({ where: 'id > 5', copy: false });
same<RowOf<typeof plain>, Order>(true);
const untyped = table();
same<RowOf<typeof untyped>, Row>(true);
same<RowOf<true>, Row>(true);

// Declared columns: every type, with defaults.
const declared = table({
  declared: {
    id: 'bigint unsigned',
    n: 'int(11)',
    flag: 'tinyint(1) null',
    total: 'decimal(10,2)',
    ratio: 'double null',
    at: 'datetime(6)',
    seen: 'timestamp null',
    span: 'time',
    status: "enum('new','it''s','x y, (z)') null",
    tags: "set('a','b')",
    body: 'json null',
    raw: 'varbinary(16)',
    bits: 'bit(8)',
    place: 'point',
    v: 'vector(3)',
    y: 'year',
  },
});
same<
  RowOf<typeof declared>,
  {
    id: bigint;
    n: number;
    flag: number | null;
    total: string;
    ratio: number | null;
    at: string;
    seen: string | null;
    span: string;
    status: 'new' | "it's" | 'x y, (z)' | null;
    tags: string;
    body: JsonValue | null;
    raw: Uint8Array;
    bits: Uint8Array;
    place: Uint8Array;
    v: Float32Array;
    y: number;
  }
>(true);

// An override changes the type of its column.
const overridden = table({
  declared: {
    id: 'bigint',
    total: 'decimal(10,2) null',
    at: 'datetime',
    tags: "set('a')",
    status: "enum('a','b')",
    gb: 'varchar(9)',
    v: 'vector(3) null',
  },
  types: {
    id: 'string',
    total: (raw) => ({ cents: Number(raw.text) * 100 }),
    at: 'date',
    tags: 'array',
    status: 'index',
    gb: 'charset:gbk',
    v: 'array',
  },
});
same<RowOf<typeof overridden>['total'], { cents: number } | null>(true);
same<RowOf<typeof overridden>['id'], string>(true);
same<RowOf<typeof overridden>['at'], Date>(true);
same<RowOf<typeof overridden>['tags'], string[]>(true);
same<RowOf<typeof overridden>['status'], number>(true);
same<RowOf<typeof overridden>['gb'], string>(true);
same<RowOf<typeof overridden>['v'], number[] | null>(true);

// A column list picks.
const picked = table({ declared: { id: 'bigint', a: 'int', b: 'int' }, columns: ['id', 'b'] });
same<RowOf<typeof picked>, { id: bigint; b: number }>(true);

// @ts-expect-error a number is no date
table({ declared: { n: 'int' }, types: { n: 'date' } });
// @ts-expect-error no such column
table({ declared: { n: 'int' }, types: { m: 'string' } });
// @ts-expect-error no such column
table({ declared: { n: 'int' }, columns: ['m'] });
// @ts-expect-error not a policy
table({ declared: { n: 'int' }, onMismatch: 'ignore' });

same<EnumLabels<"enum('')">, ''>(true);
same<EnumLabels<"enum('a\\\\b')">, string>(true);

// A Standard Schema: input while rows pass as decoded, output once every row is replaced.
declare const schema: StandardSchema<{ id: bigint; at: string }, { id: bigint; at: Date }>;
const firstRow = table(schema);
same<RowOf<typeof firstRow>, { id: bigint; at: string }>(true);
const off = table(schema, { validate: 'off', where: 'id > 1' });
same<RowOf<typeof off>, { id: bigint; at: string }>(true);
const always = table(schema, { validate: 'always' });
same<RowOf<typeof always>, { id: bigint; at: Date }>(true);
// @ts-expect-error not a mode
table(schema, { validate: 'sometimes' });

// Drizzle, structurally.
declare const drizzle: {
  readonly _: {
    readonly columns: {
      readonly id: { readonly _: { readonly name: 'id'; readonly data: bigint; readonly notNull: true } };
      readonly customerId: { readonly _: { readonly name: 'customer_id'; readonly data: number; readonly notNull: false } };
    };
  };
};
const fromDrizzle = table(drizzle);
same<RowOf<typeof fromDrizzle>, { id: bigint; customer_id: number | null }>(true);

// Kysely.
interface ColumnType<S, I, U> {
  readonly __select__: S;
  readonly __insert__: I;
  readonly __update__: U;
}
same<KyselyRow<{ id: ColumnType<bigint, bigint | undefined, bigint>; name: string | null }>, { id: bigint; name: string | null }>(true);

// What `vstream types` writes: interface and table() say the same.
same<RowOf<typeof orders>, Orders>(true);
same<RowOf<typeof orderItems>, OrderItems>(true);
