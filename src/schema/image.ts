/** Row images with holes: NOBLOB and partial JSON (B40, B41), completed where the server sent enough. Layer 2. */
import type { ColumnReader } from './column-reader.js';
import { decodeUtf8 } from './charset.js';
import type { Bitmap, RowSource } from './decoder.js';
import { CellFailure } from './failure.js';
import { isBlobOrText } from './mysql-type.js';
import type { DecodeOptions } from './options.js';
import { applyPartialJson } from './partial-json.js';
import { scanRow } from './row-scan.js';

/** Marks the cell of a column that was not sent. NULL is -1, as on the wire. */
export const ABSENT = -2;

/** Cells of one image as offsets; the buffer is the message, or one of our own where cells were completed. */
export interface ImageCellsData {
  readonly buffer: Buffer;
  readonly lengths: Int32Array;
  readonly starts: Int32Array;
  /** Expressions of partial JSON cells that could not be applied, by column; only with `images: 'partial'`. */
  readonly expressions: ReadonlyMap<number, string> | undefined;
}

/** What the decoder of one table on one shard knows about its images. */
export class ImageRules {
  readonly #readers: readonly ColumnReader[];
  readonly #options: DecodeOptions;
  readonly #jsonColumns: readonly number[];
  /** BLOB and TEXT columns outside the key: what NOBLOB leaves out of before images without saying so. */
  readonly #blobs: readonly number[];
  #bitmapSeen = false;

  constructor(readers: readonly ColumnReader[], options: DecodeOptions) {
    this.#readers = readers;
    this.#options = options;
    const indexes = readers.map((_, index) => index);
    this.#jsonColumns = indexes.filter((index) => readers[index]?.type.kind === 'json');
    this.#blobs = indexes.filter((index) => {
      const column = readers[index]?.column;
      return column !== undefined && !column.key && isBlobOrText(column);
    });
  }

  /** Must a before image be looked at cell by cell? Remembers bitmaps: deletes carry none (B41). */
  beforeHasHoles(source: RowSource): boolean {
    if (source.dataColumns !== undefined) this.#notice(source.dataColumns);
    if (this.#blobs.length === 0) return false;
    const { rowImage } = this.#options;
    return this.#bitmapSeen || (rowImage !== undefined && rowImage !== 'FULL');
  }

  #notice(bitmap: Bitmap): void {
    // With FULL images and PARTIAL_JSON the bitmap comes too, with every bit set.
    if (this.#options.rowImage !== 'FULL' || !allSet(bitmap)) this.#bitmapSeen = true;
  }

  before(source: RowSource): ImageCellsData {
    const image = this.#scan(source.buffer, source.beforeStart, source.beforeEnd);
    for (const index of this.#blobs) if (image.lengths[index] === -1) image.lengths[index] = ABSENT;
    return image;
  }

  /** The after image, completed from the before image; `PARTIAL_IMAGE` where that is not possible and `images` is `full`. */
  after(source: RowSource): ImageCellsData {
    const { dataColumns, jsonPartial } = source;
    if (dataColumns !== undefined) this.#notice(dataColumns);
    const omits = dataColumns !== undefined && !allSet(dataColumns);
    const partial = jsonPartial !== undefined && !noneSet(jsonPartial);
    const after = this.#scan(source.buffer, source.afterStart, source.afterEnd);
    if (!omits && !partial) return after;
    this.#checkMapping(omits ? dataColumns : undefined, partial ? jsonPartial : undefined);
    const before = source.beforeStart < 0 ? undefined : this.#scan(source.buffer, source.beforeStart, source.beforeEnd);
    const own: Buffer[] = [];
    let ownLength = 0;
    const expressions = new Map<number, string>();
    const completed = new Map<number, Buffer>();
    for (let index = 0; index < this.#readers.length; index++) {
      if (omits && !isSet(dataColumns, index)) {
        this.#complete(index, after, before);
        continue;
      }
      const jsonIndex = partial ? this.#jsonColumns.indexOf(index) : -1;
      if (jsonIndex < 0 || !partial || !isSet(jsonPartial, jsonIndex)) continue;
      const length = after.lengths[index] as number;
      // An empty difference is "unchanged"; a set bit never means SQL NULL (D8).
      if (length <= 0) this.#complete(index, after, before);
      else {
        const start = after.starts[index] as number;
        const expression = decodeUtf8(after.buffer, start, start + length, 'fail');
        const text = this.#apply(index, expression, before);
        if (text === undefined) {
          expressions.set(index, expression);
          after.lengths[index] = ABSENT;
        } else completed.set(index, Buffer.from(text));
      }
    }
    if (completed.size === 0) return expressions.size === 0 ? after : { ...after, expressions };
    // Both images of a change stand in one message: offsets into it stay valid behind a copy with the new documents at its end.
    own.push(after.buffer);
    ownLength = after.buffer.length;
    for (const [index, bytes] of completed) {
      after.starts[index] = ownLength;
      after.lengths[index] = bytes.length;
      own.push(bytes);
      ownLength += bytes.length;
    }
    return { ...after, buffer: Buffer.concat(own, ownLength), expressions: expressions.size === 0 ? undefined : expressions };
  }

  /** An omitted column is unchanged: its value before is its value after, if that was sent. */
  #complete(index: number, after: ImageCellsData, before: ImageCellsData | undefined): void {
    const length = before?.lengths[index] ?? ABSENT;
    if (length >= 0) {
      after.lengths[index] = length;
      after.starts[index] = before?.starts[index] as number;
    } else if (length === -1 && !this.#blobs.includes(index)) after.lengths[index] = -1;
    else {
      if (this.#options.images !== 'partial') {
        throw this.#refusal(index, 'was not sent (row image NOBLOB) and cannot be completed from the image before');
      }
      after.lengths[index] = ABSENT;
    }
  }

  #apply(index: number, expression: string, before: ImageCellsData | undefined): string | undefined {
    try {
      const length = before?.lengths[index] ?? ABSENT;
      if (!before || length < 0) throw new CellFailure('there is no document before it');
      const start = before.starts[index] as number;
      return applyPartialJson(decodeUtf8(before.buffer, start, start + length, 'fail'), expression);
    } catch (error) {
      if (!(error instanceof CellFailure)) throw error;
      if (this.#options.images === 'partial') return undefined;
      throw this.#refusal(index, `holds a partial JSON update that cannot be applied: ${error.message}`);
    }
  }

  /** Bitmaps follow the source table, not the fields of the rule (B41, C53): counts that differ prove that they do not fit. */
  #checkMapping(dataColumns: Bitmap | undefined, jsonPartial: Bitmap | undefined): void {
    const badColumns = dataColumns && dataColumns.count !== this.#readers.length;
    const badJson = jsonPartial && jsonPartial.count !== this.#jsonColumns.length;
    if (this.#options.projected || badColumns || badJson) {
      throw new CellFailure(
        'a partial row image cannot be mapped to the selected columns: the server numbers the columns of the whole table',
        'Select all columns of the table, or set binlog_row_image to FULL and binlog_row_value_options to empty.',
        'PARTIAL_IMAGE',
      );
    }
  }

  #refusal(index: number, what: string): CellFailure {
    return new PartialImage(index, what);
  }

  #scan(buffer: Buffer, start: number, end: number): ImageCellsData {
    const count = this.#readers.length;
    const lengths = new Int32Array(count);
    const starts = new Int32Array(count);
    scanRow(buffer, start, end, count, lengths, starts);
    return { buffer, lengths, starts, expressions: undefined };
  }
}

/** Carries the column, which the decoder names. */
export class PartialImage extends CellFailure {
  readonly column: number;

  constructor(column: number, what: string) {
    super(
      what,
      "Set binlog_row_image to FULL (and binlog_row_value_options to empty), or the option images to 'partial'.",
      'PARTIAL_IMAGE',
    );
    this.column = column;
  }
}

/** Bit i is byte i/8, mask 1 << (i % 8). */
function isSet(bitmap: Bitmap, index: number): boolean {
  return (((bitmap.bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

function allSet(bitmap: Bitmap): boolean {
  for (let index = 0; index < bitmap.count; index++) if (!isSet(bitmap, index)) return false;
  return true;
}

function noneSet(bitmap: Bitmap): boolean {
  return bitmap.bits.every((byte) => byte === 0);
}
