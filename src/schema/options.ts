/** How values are decoded. Layer 2. */

/** MySQL types an override can name. */
export type TypeName =
  | 'tinyint' | 'smallint' | 'mediumint' | 'int' | 'bigint' | 'bit' | 'boolean' | 'float' | 'double' | 'decimal' | 'year'
  | 'char' | 'varchar' | 'text' | 'enum' | 'set' | 'binary' | 'varbinary' | 'blob' | 'json' | 'geometry' | 'vector'
  | 'date' | 'datetime' | 'timestamp' | 'time';

/** A named decoder (docs/types.md lists which fit which type), or a function of the raw cell. */
export type Override = string | ((raw: { readonly bytes: Uint8Array; readonly text: string }) => unknown);

export interface DecodeOptions {
  readonly types?: Readonly<Partial<Record<TypeName, Override>>> | undefined;
  /** By column name of this table; wins over `types`. */
  readonly columns?: Readonly<Record<string, Override>> | undefined;
  /** Bytes that are not valid in a column's character set: `fail` (default) or U+FFFD. */
  readonly invalidText?: 'fail' | 'replace' | undefined;
  readonly images?: 'full' | 'partial' | undefined;
}
