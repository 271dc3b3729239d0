/** Whole messages through the generated code, with our error for bytes that are none. Layer 1. */
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { malformed } from './cursor.js';
import { RowChange_BitmapSchema } from './gen/binlogdata_pb.js';

/** @throws VStreamError `PROTOCOL`, naming the message. */
export function readMessage<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch {
    throw malformed(`unreadable ${schema.name}`);
  }
}

/** A `RowChange.Bitmap`: bit `i` sits in byte `i / 8`, counted from the least significant (B41). */
export function readBitmap(buffer: Buffer, start: number, end: number): { readonly count: number; readonly bits: Uint8Array } {
  const { count, cols } = readMessage(RowChange_BitmapSchema, buffer.subarray(start, end));
  return { count: Number(count), bits: cols };
}
