/** The values of a row. Layer 2. */

/** What JSON columns decode to: integers beyond 2^53-1 are bigint, never rounded. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Every value the default decoders produce. Overrides may produce anything else. */
export type Value = null | number | bigint | string | boolean | Uint8Array | Float32Array | JsonValue;

/** A decoded row: one property per column present. An omitted column is an absent property, SQL NULL is `null`. */
export type Row = Record<string, unknown>;

/** The primary key columns of a row, in column order. */
export type Key = Readonly<Record<string, unknown>>;
