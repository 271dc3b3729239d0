/**
 * Strings that repeat in every event (keyspace, shard, table). Creating a JavaScript string costs about as much as decoding a
 * whole short row, so the last one is kept and compared by bytes. Layer 1.
 */
export class RepeatedName {
  #bytes: Uint8Array = new Uint8Array(0);
  #text = '';

  /** The text of these bytes; the same string object as long as the bytes repeat. */
  read(buffer: Buffer, start: number, end: number): string {
    const length = end - start;
    const bytes = this.#bytes;
    if (length === bytes.length) {
      let index = 0;
      while (index < length && buffer[start + index] === bytes[index]) index++;
      if (index === length) return this.#text;
    }
    this.#text = buffer.toString('utf8', start, end);
    this.#bytes = Uint8Array.prototype.slice.call(buffer, start, end);
    return this.#text;
  }
}

/** A short run of bytes that repeats: whatever was read from it last time still holds. */
export class RepeatedBytes {
  #bytes: Uint8Array = new Uint8Array(0);
  #known = false;

  equals(buffer: Buffer, start: number, end: number): boolean {
    const length = end - start;
    const bytes = this.#bytes;
    if (!this.#known || length !== bytes.length) return false;
    let index = 0;
    while (index < length && buffer[start + index] === bytes[index]) index++;
    return index === length;
  }

  remember(buffer: Buffer, start: number, end: number): void {
    this.#bytes = Uint8Array.prototype.slice.call(buffer, start, end);
    this.#known = true;
  }
}
