/** VStream messages decoded by protobufjs: its reflection compiles a decoder for each type. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** A function of the bytes of one VStreamResponse. */
export async function decoder() {
  const proto = fileURLToPath(new URL('../../proto/', import.meta.url));
  const root = new protobuf.Root();
  root.resolvePath = (_, target) => `${proto}${target}`;
  await root.load('vtgate.proto');
  const type = root.lookupType('vtgate.VStreamResponse');
  return (bytes) => type.decode(bytes);
}
