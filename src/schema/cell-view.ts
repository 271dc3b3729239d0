/** Raw cells of one image: a small object, offsets found at the first question. Layer 2. */
import type { Cells } from './cells.js';
import type { ColumnReader, InlineKind } from './column-reader.js';
import { ABSENT, type ImageCellsData } from './image.js';
import { isPlain } from './plain-cell.js';
import { scanRow } from './row-scan.js';
import { chunk, MAX_RUN, readChunk } from './text-chunk.js';

interface Offsets {
  readonly lengths: Int32Array;
  readonly starts: Int32Array;
}

/** What all cells of one decoder share. */
export interface CellsContext {
  readonly readers: readonly ColumnReader[];
  /** Turns whatever went wrong with a column (-1: the row) into the named error. */
  readonly explain: (error: unknown, column: number) => Error;
  /** Offsets of the image asked last, so that a sink going row by row allocates nothing. */
  readonly scratch: Offsets;
  /** Whose offsets `scratch` holds. */
  owner: unknown;
}

export class ImageCells implements Cells {
  readonly #context: CellsContext;
  readonly #buffer: Buffer;
  readonly #start: number;
  readonly #end: number;
  readonly #copied: boolean;
  #offsets: Offsets | undefined;
  #scanned = false;

  /** With `data` the range is not used. */
  constructor(context: CellsContext, buffer: Buffer, start: number, end: number, copied: boolean, data?: ImageCellsData) {
    this.#context = context;
    this.#buffer = data?.buffer ?? buffer;
    this.#start = start;
    this.#end = end;
    this.#copied = copied;
    this.#offsets = data;
  }

  get count(): number {
    return this.#context.readers.length;
  }

  isNull(column: number): boolean {
    return this.#find().lengths[column] === -1;
  }

  isAbsent(column: number): boolean {
    const length = this.#find().lengths[column];
    return length === ABSENT || length === undefined;
  }

  bytes(column: number): Uint8Array | undefined {
    const { lengths, starts } = this.#find();
    const length = lengths[column] ?? ABSENT;
    if (length < 0) return undefined;
    const start = starts[column] as number;
    return this.#buffer.subarray(start, start + length);
  }

  text(column: number): string | undefined {
    const { lengths, starts } = this.#find();
    const length = lengths[column] ?? ABSENT;
    if (length < 0) return undefined;
    const start = starts[column] as number;
    const reader = this.#context.readers[column] as ColumnReader;
    if (reader.inlineText !== undefined && start + length <= this.#end) {
      const piece = this.#piece(reader.inlineText, start, start + length);
      if (piece !== undefined) return piece;
    }
    try {
      return reader.text(this.#buffer, start, start + length, this.#copied);
    } catch (error) {
      throw this.#context.explain(error, column);
    }
  }

  value(column: number): unknown {
    const { lengths, starts } = this.#find();
    const length = lengths[column] ?? ABSENT;
    if (length < 0) return length === -1 ? null : undefined;
    const start = starts[column] as number;
    try {
      return (this.#context.readers[column] as ColumnReader).value(this.#buffer, start, start + length, this.#copied);
    } catch (error) {
      throw this.#context.explain(error, column);
    }
  }

  /** A substring for each plain cell; undefined where the reader has to look. */
  #piece(kind: InlineKind, start: number, end: number): string | undefined {
    const buffer = this.#buffer;
    if (this.#end - this.#start > MAX_RUN || !isPlain(kind, buffer, start, end)) return undefined;
    if (buffer !== chunk.buffer || start < chunk.start || end > chunk.end) readChunk(buffer, start, this.#end);
    return chunk.text.substring(start - chunk.start, end - chunk.start);
  }

  #find(): Offsets {
    if (this.#offsets !== undefined) return this.#offsets;
    return this.#context.owner === this ? this.#context.scratch : this.#scan();
  }

  #scan(): Offsets {
    const context = this.#context;
    const count = context.readers.length;
    // A second scan means access column by column over many rows: from then on this image keeps its own offsets.
    const own = this.#scanned;
    const offsets = own ? { lengths: new Int32Array(count), starts: new Int32Array(count) } : context.scratch;
    if (!own) context.owner = undefined;
    try {
      scanRow(this.#buffer, this.#start, this.#end, count, offsets.lengths, offsets.starts);
    } catch (error) {
      throw context.explain(error, -1);
    }
    if (own) this.#offsets = offsets;
    else context.owner = this;
    this.#scanned = true;
    return offsets;
  }
}
