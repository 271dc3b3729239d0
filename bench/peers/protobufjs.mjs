/** VStream messages decoded by protobufjs: its reflection compiles a decoder for each type. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

// Without it 64-bit numbers, which lengths of cells are, become plain numbers: faster to read, and to use.
protobuf.util.Long = null;
protobuf.configure();

/** A function of the bytes of one VStreamResponse. */
export async function decoder() {
  const proto = fileURLToPath(new URL('../../proto/', import.meta.url));
  const root = new protobuf.Root();
  root.resolvePath = (_, target) => `${proto}${target}`;
  await root.load('vtgate.proto');
  const type = root.lookupType('vtgate.VStreamResponse');
  return (bytes) => type.decode(bytes);
}
