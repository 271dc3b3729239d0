/**
 * Raw access to the cells of one row image, for sinks that want bytes and text rather than objects. Layer 2.
 * Valid as long as the change it came from is kept; `bytes` is a view, copy it to keep it longer than the batch.
 */
export interface Cells {
  /** Number of columns, in the order of `TableVersion.columns`. */
  readonly count: number;
  /** SQL NULL. False for an absent column. */
  isNull(column: number): boolean;
  /** Not sent by the server (partial row image). */
  isAbsent(column: number): boolean;
  /** The bytes on the wire, or undefined for NULL and absent columns. */
  bytes(column: number): Uint8Array | undefined;
  /** The exact value as text in the form the type has in docs/types.md (normalised numbers, decoded character sets, labels). */
  text(column: number): string | undefined;
  /** The decoded value, the same as the property of the typed row; undefined when absent. */
  value(column: number): unknown;
}
