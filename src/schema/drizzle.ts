/** Drizzle table objects, read structurally: nothing of drizzle-orm is imported. Layer 2. */
import type { Override, RawCell } from './options.js';

/** The types of a Drizzle MySQL table that matter here. */
export interface DrizzleTable {
  readonly _: {
    readonly columns: Readonly<
      Record<string, { readonly _: { readonly name: string; readonly data: unknown; readonly notNull: boolean } }>
    >;
  };
}

/** The row under the names of the database columns, which is how rows are delivered. */
export type DrizzleRow<T extends DrizzleTable> = {
  -readonly [K in keyof T['_']['columns'] as T['_']['columns'][K]['_']['name']]: T['_']['columns'][K]['_']['notNull'] extends true
    ? T['_']['columns'][K]['_']['data']
    : T['_']['columns'][K]['_']['data'] | null;
};

/** What Drizzle knows of a column at run time. */
export interface DrizzleColumn {
  readonly name: string;
  readonly columnType: string;
  readonly notNull: boolean;
  readonly sqlType: string;
  /** The decoder that gives the value the column's mode promises. */
  readonly override: Override | undefined;
}

const COLUMNS = Symbol.for('drizzle:Columns');

export function isDrizzleTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && COLUMNS in value;
}

interface RuntimeColumn {
  readonly name: string;
  readonly columnType: string;
  readonly notNull: boolean;
  getSQLType(): string;
  mapFromDriverValue(value: unknown): unknown;
}

export function drizzleColumns(table: object): readonly DrizzleColumn[] {
  const columns = (table as { readonly [COLUMNS]: Readonly<Record<string, RuntimeColumn>> })[COLUMNS];
  return Object.values(columns).map((column) => ({
    name: column.name,
    columnType: column.columnType,
    notNull: column.notNull,
    sqlType: column.getSQLType(),
    override: overrideOf(column),
  }));
}

/** By Drizzle's class name, which holds the mode. Classes not listed read as we do by default. */
const BY_CLASS: Readonly<Record<string, Override>> = {
  MySqlBigInt53: 'number',
  MySqlBigInt64: 'bigint',
  MySqlBigIntString: 'string',
  MySqlSerial: 'number',
  MySqlBoolean: 'boolean',
  MySqlDecimal: 'string',
  MySqlDecimalNumber: 'number',
  MySqlDecimalBigInt: (raw: RawCell) => BigInt(raw.text),
  MySqlDate: 'date',
  MySqlDateString: 'string',
  MySqlDateTime: 'date',
  MySqlDateTimeString: 'string',
  MySqlTimestamp: 'date',
  MySqlTimestampString: 'string',
  MySqlTime: 'string',
  MySqlYear: 'number',
  MySqlJson: 'parsed',
  MySqlBinary: 'text',
  MySqlVarBinary: 'text',
};

function overrideOf(column: RuntimeColumn): Override | undefined {
  // A custom type converts what a driver would have given it, which is text for most types.
  if (column.columnType === 'MySqlCustomColumn') return (raw) => column.mapFromDriverValue(raw.text);
  return Object.hasOwn(BY_CLASS, column.columnType) ? BY_CLASS[column.columnType] : undefined;
}
