/**
 * The files of a recording, and nothing else: how a stream of a real VTGate is kept so that anybody can replay it.
 *
 * - `NAME.json`: server, request (protobuf JSON, field names as in proto/), SQL run meanwhile, arrival times, how it ended.
 * - `NAME.frames.br`: the VStreamResponse messages as received, each after its length as a varint, brotli over all. The truth.
 * - `NAME.events.jsonl.br`: the same decoded by a decoder that is not ours, one event a line; absent where it would be large.
 */
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

/** What `NAME.json` holds. */
export interface RecordingMeta {
  readonly server: string;
  readonly notes?: string;
  /** What was done to the cluster meanwhile, in words. */
  readonly action?: string;
  /** Statements run meanwhile, in order. */
  readonly sql?: readonly string[];
  /** shapes/partial-json-*: each UPDATE of column `j` with its document before and after, as MySQL prints it. */
  readonly steps?: readonly PartialJsonStep[];
  /** Rows the writer of a topology recording inserted, and how many of its statements failed. */
  readonly wrote?: number;
  readonly failed?: number;
  readonly request: Record<string, unknown>;
  /** Arrival of each message, milliseconds after the request. */
  readonly frame_ms: readonly number[];
  readonly end: 'client cancelled' | { readonly code: 'END' } | { readonly code: number; readonly details: string };
}

export interface PartialJsonStep {
  readonly id: number;
  readonly sql: string;
  readonly before: string | null;
  readonly after: string | null;
}

export function encodeFrames(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(frames.flatMap((frame) => [varint(frame.length), frame]));
}

/** @throws Error when the bytes end inside a frame. */
export function decodeFrames(bytes: Uint8Array): Buffer[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Buffer[] = [];
  let offset = 0;
  while (offset < buffer.length) {
    let length = 0;
    let shift = 0;
    for (;;) {
      const byte = buffer[offset++];
      if (byte === undefined) throw new Error('recording ends inside the length of a frame');
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
      shift += 7;
    }
    if (offset + length > buffer.length) throw new Error(`recording ends inside a frame of ${length} bytes`);
    frames.push(buffer.subarray(offset, offset + length));
    offset += length;
  }
  return frames;
}

export function compress(bytes: Uint8Array): Buffer {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
}

export function decompress(bytes: Uint8Array): Buffer {
  return brotliDecompressSync(bytes);
}

/** `NAME.json` as text: readable in a diff, with the arrival times on one line. */
export function formatMeta(meta: RecordingMeta): string {
  const { frame_ms, ...rest } = meta;
  const text = JSON.stringify({ ...rest, frame_ms: '@' }, null, 1);
  return `${text.replace('"frame_ms": "@"', `"frame_ms": ${JSON.stringify(frame_ms)}`)}\n`;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
