/** Typed tables: what a user declares, and what types follow from it. Layer 2. */
import type { Row } from './values.js';

/** Options of one table; see `table()`. */
export interface TableOptions {
  /** Only these columns, in this order; the key columns must be among them. Default: all. */
  readonly columns?: readonly string[];
  /** A filter evaluated by the server and by the client: AND of `column operator literal`. */
  readonly where?: string;
  /** Decoder overrides by column: a name such as `'string'` or a function of the raw text or bytes. */
  readonly types?: Readonly<Record<string, unknown>>;
  /** false: do not copy existing rows of this table. Default true. */
  readonly copy?: boolean;
  /** What to do when a DDL changes this table. Default `evolve` where the sink can, else `ignore`. */
  readonly onDdl?: 'evolve' | 'ignore' | 'pause' | 'fail';
}

declare const ROW: unique symbol;

/** A table with its row type. Made by `table()`. */
export interface TableDefinition<R = Row> extends TableOptions {
  readonly [ROW]?: R;
}

/** Tables by name (`orders` or `billing.orders`, or a pattern with `*`). */
export type Tables = Readonly<Record<string, true | TableDefinition<any>>>;

/** The row type of one entry of `Tables`. */
export type RowOf<D> = D extends TableDefinition<infer R> ? R : Row;

/** Declares a table with a row type known at compile time only. */
export function table<R = Row>(options: TableOptions = {}): TableDefinition<R> {
  return options;
}
