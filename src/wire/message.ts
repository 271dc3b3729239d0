/** Whole messages through the generated code, with our error for bytes that are none. Layer 1. */
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { malformed } from './cursor.js';

/** @throws VStreamError `PROTOCOL`, naming the message. */
export function readMessage<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch {
    throw malformed(`unreadable ${schema.name}`);
  }
}
