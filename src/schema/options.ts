/** How values are decoded. Layer 2. */
import type { OverrideName } from './type-table.js';
import type { RowValidation } from './standard-schema.js';
import type { ZeroDates } from './temporal.js';

/** MySQL types an override can name. `boolean` is TINYINT(1) and wins over `tinyint`. */
export type TypeName =
  | 'tinyint'
  | 'smallint'
  | 'mediumint'
  | 'int'
  | 'bigint'
  | 'bit'
  | 'boolean'
  | 'float'
  | 'double'
  | 'decimal'
  | 'year'
  | 'char'
  | 'varchar'
  | 'text'
  | 'enum'
  | 'set'
  | 'binary'
  | 'varbinary'
  | 'blob'
  | 'json'
  | 'geometry'
  | 'vector'
  | 'date'
  | 'datetime'
  | 'timestamp'
  | 'time';

/** A cell as an override function receives it. Not called for NULL and absent columns. */
export interface RawCell {
  /** A copy of the bytes on the wire. */
  readonly bytes: Uint8Array;
  /** The exact value as text, as `Cells.text` gives it. */
  readonly text: string;
}

/** A named decoder (docs/types.md lists which fit which type), or a function of the raw cell. */
export type Override = OverrideName | ((raw: RawCell) => unknown);

export interface DecodeOptions {
  readonly types?: Readonly<Partial<Record<TypeName, Override>>> | undefined;
  /** By column name of this table; wins over `types`. */
  readonly columns?: Readonly<Record<string, Override>> | undefined;
  /** Bytes that are not valid in a column's character set: `fail` (default) or U+FFFD. */
  readonly invalidText?: 'fail' | 'replace' | undefined;
  /** What a date converter makes of a zero or partial-zero date (B31). Default `fail`. Text columns of dates are not affected. */
  readonly zeroDates?: ZeroDates | undefined;
  /** `full` (default): an after image is completed or refused. `partial`: omitted columns are absent properties. */
  readonly images?: 'full' | 'partial' | undefined;
  /** The table is streamed with a column list or expressions: bitmaps in source order cannot be mapped then (B41, C53). */
  readonly projected?: boolean | undefined;
  /** `@@global.binlog_row_image` of the shard, where known. Other than FULL, a null BLOB or TEXT before the change is absent. */
  readonly rowImage?: 'FULL' | 'NOBLOB' | 'MINIMAL' | undefined;
  /** A Standard Schema behind the decoder; comes with `table(schema)`. */
  readonly validation?: RowValidation | undefined;
}
