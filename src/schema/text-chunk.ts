/**
 * The text of a stretch of a message, as Latin-1: one conversion serves several rows, whose cells are substrings of it. Layer 2.
 * A call into the engine costs more than decoding all numbers of a short row.
 */

/** A substring keeps its whole chunk alive, so this is what one short cell of a sparse row can cost its keeper, in bytes. */
const CHUNK_BYTES = 1024;

/** The text of a row above this goes column by column: a short substring would keep all of it alive. */
export const MAX_RUN = 4096;

interface Chunk {
  /** Compared by identity: messages are never written to. Only the last one is kept from being collected. */
  buffer: Buffer | undefined;
  start: number;
  end: number;
  text: string;
}

/** One for all tables: rows are decoded in the order they lie in. */
export const chunk: Chunk = { buffer: undefined, start: 0, end: 0, text: '' };

/** Makes `chunk` cover `from..to` of the buffer, and what follows up to the size of a chunk. */
export function readChunk(buffer: Buffer, from: number, to: number): void {
  const end = Math.min(buffer.length, Math.max(to, from + CHUNK_BYTES));
  chunk.buffer = buffer;
  chunk.start = from;
  chunk.end = end;
  chunk.text = buffer.toString('latin1', from, end);
}
