/**
 * Strings that repeat in every event (keyspace, shard, table). Creating a JavaScript string costs about as much as decoding a
 * whole short row, so the last one is kept and compared by bytes. Layer 1.
 */
export class RepeatedName {
  /** Grows: names of many tables in turn allocate nothing but their text. */
  #bytes: Uint8Array = new Uint8Array(64);
  #length = 0;
  #text = '';

  /** The text of these bytes; the same string object as long as the bytes repeat. */
  read(buffer: Buffer, start: number, end: number): string {
    const length = end - start;
    let bytes = this.#bytes;
    if (length === this.#length) {
      let index = 0;
      while (index < length && buffer[start + index] === bytes[index]) index++;
      if (index === length) return this.#text;
    }
    this.#text = buffer.toString('utf8', start, end);
    if (length > bytes.length) this.#bytes = bytes = new Uint8Array(2 * length);
    for (let index = 0; index < length; index++) bytes[index] = buffer[start + index] as number;
    this.#length = length;
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
