/** Typed tables: what a user declares, and what types follow from it. Layer 2. */
import type { Declared, DeclaredOverrides, DeclaredRow } from './declared-types.js';
import { type DrizzleRow, type DrizzleTable, drizzleColumns, isDrizzleTable } from './drizzle.js';
import type { DecodeOptions, Override } from './options.js';
import {
  type InputOf,
  isStandardSchema,
  type OutputOf,
  type RowValidation,
  type StandardSchema,
  type ValidateMode,
} from './standard-schema.js';
import type { Row } from './values.js';

/** Options of one table; see `table()`. */
export interface TableOptions {
  /** Only these columns, in this order; the key columns must be among them. Default: all. */
  readonly columns?: readonly string[];
  /**
   * A filter evaluated by the server and by the client: AND of `column operator literal` (docs/copy.md, "Which tables"). A row that leaves
   * it is a delete, one that enters it an insert. What the two might read differently is `FILTER_REFUSED`. Default: all rows.
   */
  readonly where?: string;
  /** Decoder overrides by column: a name such as `'string'` or a function of the raw text or bytes. */
  readonly types?: Readonly<Record<string, unknown>>;
  /** false: do not copy existing rows of this table. Default true. */
  readonly copy?: boolean;
  /**
   * What to do when a DDL changes rows of this table without events (DROP, RENAME, partitions, ADD COLUMN with a default, a type that
   * respells values, another primary key; docs/schema-changes.md): copy it again (`evolve`, default; needs a sink that can sweep, else the
   * stream stops with `SCHEMA_CHANGE`), go on (`ignore`), `pause` until it is resumed and copy it then, or `fail`.
   */
  readonly onDdl?: 'evolve' | 'ignore' | 'pause' | 'fail';
}

/** Options of a table whose columns are known at run time too. */
export interface TypedTableOptions extends TableOptions {
  /** A column that is declared differently than it is: stop with `SCHEMA_MISMATCH` (default), or only say so. */
  readonly onMismatch?: 'fail' | 'warn';
}

/** Options of a table with a Standard Schema. */
export interface SchemaTableOptions<M extends ValidateMode = ValidateMode> extends TypedTableOptions {
  /** How many rows the schema checks. Default `first-row`. */
  readonly validate?: M;
}

/** One column a definition promises. */
export interface DeclaredColumn {
  readonly name: string;
  /** SQL type as in `column_type`. */
  readonly type: string;
  readonly nullable: boolean;
}

/** What a definition knows at run time. */
export interface TypedTable {
  readonly columns: readonly DeclaredColumn[] | undefined;
  readonly validation: RowValidation | undefined;
  readonly onMismatch: 'fail' | 'warn';
  readonly source: 'declared' | 'drizzle' | 'schema';
}

declare const ROW: unique symbol;

/** Under a symbol: facts for the library beside the options of the user. */
export const TYPED: unique symbol = Symbol.for('vstream-client.typed-table');

/** A table with its row type. Made by `table()`. */
export interface TableDefinition<R = Row> extends TableOptions {
  readonly [ROW]?: R;
  readonly [TYPED]?: TypedTable;
}

/** Tables by name (`orders` or `billing.orders`, or a pattern with `*`). */
export type Tables = Readonly<Record<string, true | TableDefinition<unknown>>>;

/** The properties of a row type. Unlike an interface, such a type is a `Row` to helpers that know no table. */
type Columns<R> = { [K in keyof R]: R[K] };

/** The row type of one entry of `Tables`. */
export type RowOf<D> = D extends TableDefinition<infer R> ? (unknown extends R ? Row : Columns<R>) : Row;

/** The row type of a Kysely table interface: `Generated<T>` and `ColumnType<S, I, U>` become what a select gives. */
export type KyselyRow<T> = { -readonly [K in keyof T]: T[K] extends { readonly __select__: infer S } ? S : T[K] };

type Selected<R, C> = C extends readonly (infer K)[] ? Pick<R, Extract<K, keyof R>> : R;

interface DeclaredTable<D extends Declared, T, C> extends Omit<TypedTableOptions, 'types' | 'columns'> {
  /** Every column with its SQL type, ` null` at the end where NULL is allowed. `vstream types` writes this. */
  readonly declared: D;
  readonly types?: T & DeclaredOverrides<D>;
  readonly columns?: C;
}

/** Columns carried along: the row type follows from them and from `types`, and the live table is checked against them. */
export function table<
  const D extends Declared,
  const T extends DeclaredOverrides<D> = {},
  const C extends readonly (keyof D & string)[] | undefined = undefined,
>(options: DeclaredTable<D, T, C>): TableDefinition<Selected<DeclaredRow<D, T>, C>>;
/** A Standard Schema (zod, valibot, arktype, …): its input type, or its output type when every row is validated. */
export function table<S extends StandardSchema, M extends ValidateMode = 'first-row'>(
  schema: S,
  options?: SchemaTableOptions<M>,
): TableDefinition<M extends 'always' ? OutputOf<S> : InputOf<S>>;
/** A Drizzle table: its select types under the database's column names; each column's mode decides its decoder. */
export function table<D extends DrizzleTable>(drizzle: D, options?: TypedTableOptions): TableDefinition<DrizzleRow<D>>;
/** A row type known at compile time only. */
export function table<R = Row>(options?: TableOptions): TableDefinition<R>;
export function table(first: object = {}, second: SchemaTableOptions = {}): TableDefinition {
  if (isStandardSchema(first)) {
    const { validate = 'first-row', onMismatch = 'fail', ...options } = second;
    return { ...options, [TYPED]: { columns: undefined, validation: { schema: first, mode: validate }, onMismatch, source: 'schema' } };
  }
  if (isDrizzleTable(first)) {
    const { onMismatch = 'fail', validate: _, ...options } = second;
    const columns = drizzleColumns(first);
    const modes = columns.flatMap(({ name, override }) => (override === undefined ? [] : [[name, override] as const]));
    return {
      ...options,
      types: { ...Object.fromEntries(modes), ...options.types },
      [TYPED]: {
        columns: columns.map(({ name, sqlType, notNull }) => ({ name, type: sqlType, nullable: !notNull })),
        validation: undefined,
        onMismatch,
        source: 'drizzle',
      },
    };
  }
  if ('declared' in first) {
    const { declared, onMismatch = 'fail', ...options } = first as TypedTableOptions & { readonly declared: Declared };
    return { ...options, [TYPED]: { columns: declaredColumns(declared), validation: undefined, onMismatch, source: 'declared' } };
  }
  return first;
}

function declaredColumns(declared: Declared): readonly DeclaredColumn[] {
  return Object.entries(declared).map(([name, type]) => ({ name, type: type.replace(/ null$/, ''), nullable: type.endsWith(' null') }));
}

/** The decode options of a table: its definition over the stream's own. */
export function decodeOptionsOf(definition: TableDefinition<unknown>, base: DecodeOptions): DecodeOptions {
  return {
    ...base,
    columns: { ...base.columns, ...(definition.types as Readonly<Record<string, Override>> | undefined) },
    projected: base.projected ?? definition.columns !== undefined,
    validation: definition[TYPED]?.validation ?? base.validation,
  };
}
