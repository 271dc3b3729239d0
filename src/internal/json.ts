/** JSON for values of ours: bigint as string, bytes as base64. Layer 0. */

/** For `JSON.stringify`: bigint becomes its decimal text, bytes base64, vectors arrays of numbers. */
function jsonReplacer(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  // `Buffer.prototype.toJSON` ran before this: what stands in the document tells bytes from an object of the user's that looks like them.
  const own = (this as Record<string, unknown>)[key];
  if (own instanceof Float32Array) return Array.from(own);
  if (own instanceof Uint8Array) return Buffer.from(own.buffer, own.byteOffset, own.byteLength).toString('base64');
  return value;
}

export function toJson(value: unknown): string {
  return JSON.stringify(value, jsonReplacer);
}
