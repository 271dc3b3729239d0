/** Four bytes of a message at once. Layer 1. */

// One view for the message at hand: making one per row would cost more than what it is for.
let viewed: Uint8Array | undefined;
let view: DataView = new DataView(new ArrayBuffer(0));

/** A view over the buffer; the same object as long as the buffer is. */
export function viewOf(buffer: Uint8Array): DataView {
  if (buffer !== viewed) {
    view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    viewed = buffer;
  }
  return view;
}
