/** Shard names, key ranges and where a key lives. */
import { createCipheriv } from 'node:crypto';

/** `-80` holds keyspace ids below 0x80…; a name without a dash (`0`) is an unsharded keyspace and holds everything. */
export function holds(shard: string, id: Buffer): boolean {
  const [from, to] = shard.split('-');
  if (to === undefined) return true;
  const start = Buffer.from(from ?? '', 'hex');
  const end = Buffer.from(to, 'hex');
  return (
    Buffer.compare(id.subarray(0, Math.max(start.length, 1)), start) >= 0 &&
    (end.length === 0 || Buffer.compare(id.subarray(0, end.length), end) < 0)
  );
}

/** Vitess' `hash` vindex for integers, so that keys land where a real keyspace puts them; text goes through the same cipher. */
export function keyspaceId(key: unknown): Buffer {
  const block = Buffer.alloc(8);
  if (typeof key === 'number' || typeof key === 'bigint' || /^-?\d+$/.test(String(key)))
    block.writeBigUInt64BE(BigInt.asUintN(64, BigInt(key as number)));
  else {
    let hash = 0xcbf29ce484222325n;
    for (const byte of key instanceof Uint8Array ? key : Buffer.from(String(key)))
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    block.writeBigUInt64BE(hash);
  }
  const cipher = createCipheriv('des-ede3-ecb', Buffer.alloc(24), null);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]);
}
