/** What the stream asks of decoding: a decoder compiled per table version. Layer 2, the interface. */
import type { Cells } from './cells.js';
import type { TableVersion } from './table.js';
import type { Key, Row } from './values.js';

/**
 * Where one row change lies in its message: byte ranges of the `query.Row` messages, start inclusive, end exclusive; -1 when
 * the image is not there. Bitmaps are rare (partial images) and therefore objects.
 */
export interface RowSource {
  readonly buffer: Buffer;
  readonly beforeStart: number;
  readonly beforeEnd: number;
  readonly afterStart: number;
  readonly afterEnd: number;
  /** `data_columns`: which columns the after image has, in source-table order (B41). */
  readonly dataColumns: Bitmap | undefined;
  /** `json_partial_values`: which JSON columns of the after image are expressions (B40). */
  readonly jsonPartial: Bitmap | undefined;
  /** true: a snapshot row (timestamp 0). */
  readonly copied: boolean;
}

export interface Bitmap {
  readonly count: number;
  readonly bits: Uint8Array;
}

export type Image = 'before' | 'after';

/** Something the user should hear once per table: the data are right, but less is known of them than they may think. */
export interface DecodeWarning {
  readonly code: 'unknown-type' | 'float-rounded' | 'charset-unknown' | 'label-unreadable' | 'all-nullable' | 'override-unused';
  readonly column: string | undefined;
  readonly message: string;
}

/** Compiled once per FIELD event. Every method throws `VStreamError` (`DECODE_FAILED`, `PARTIAL_IMAGE`) with table and column. */
export interface RowDecoder {
  readonly version: TableVersion;
  readonly warnings: readonly DecodeWarning[];
  /** The typed row of an image that is there. */
  row(source: RowSource, image: Image): Row;
  /** The primary key of an image that is there; undefined for tables without one. */
  key(source: RowSource, image: Image): Key | undefined;
  /** Raw access to an image that is there. */
  cells(source: RowSource, image: Image): Cells;
}
