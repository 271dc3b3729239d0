/** The values of a row. Layer 2. */

/** What JSON columns decode to: integers beyond 2^53-1 are bigint, never rounded. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Every value the default decoders produce. Overrides may produce anything else. */
export type Value = null | number | bigint | string | boolean | Uint8Array | Float32Array | JsonValue;

/** A decoded row: one property per column present. An omitted column is an absent property, SQL NULL is `null`. */
export type Row = Record<string, unknown>;

/** The primary key columns of a row, in column order. */
export type Key = Readonly<Record<string, unknown>>;

/**
 * A partial JSON update that could not be applied to the document before; delivered in place of the document, and only with
 * `images: 'partial'`. Nothing else ever looks like it.
 */
export class PartialJson {
  /** The server's SQL expression; `%s` stands for the document before. */
  readonly expression: string;

  constructor(expression: string) {
    this.expression = expression;
  }
}
