/** Cells whose bytes are their text already. Layer 2. */
import { isAscii } from './ascii.js';
import type { InlineKind } from './column-reader.js';
import { isCanonicalDecimal } from './numbers.js';
import { looksLikeDate, looksLikeDateTime, looksLikeTime } from './temporal.js';

export function isPlain(kind: InlineKind, buffer: Buffer, start: number, end: number): boolean {
  switch (kind) {
    case 'text':
      return isAscii(buffer, start, end);
    case 'int':
    case 'bigint':
      return isCanonicalInteger(buffer, start, end);
    case 'decimal':
      return isCanonicalDecimal(buffer, start, end);
    case 'date':
      return looksLikeDate(buffer, start, end) && isAscii(buffer, start, end);
    case 'datetime':
      return looksLikeDateTime(buffer, start, end) && isAscii(buffer, start, end);
    case 'time':
      return looksLikeTime(buffer, start, end) && isAscii(buffer, start, end);
    case 'float':
      return false;
  }
}

/** Digits without a leading zero, few enough for every integer type; anything else is the reader's business. */
function isCanonicalInteger(buffer: Buffer, start: number, end: number): boolean {
  const first = buffer[start] === 45 ? start + 1 : start;
  if (end === first || end - first > (first > start ? 18 : 19) || (buffer[first] === 48 && (end - first > 1 || first > start)))
    return false;
  for (let at = first; at < end; at++) {
    const byte = buffer[at] as number;
    if (byte < 48 || byte > 57) return false;
  }
  return true;
}
