/** Dates and times: text by default, converters on request. Layer 2. */
import { CellFailure, fail } from './failure.js';

const DASH = 45;
const COLON = 58;

/** `YYYY-MM-DD` with anything in the digits: zero and partial-zero dates are legal values (B31). */
export function looksLikeDate(buffer: Buffer, start: number, end: number): boolean {
  return end - start === 10 && buffer[start + 4] === DASH && buffer[start + 7] === DASH;
}

/** `YYYY-MM-DD HH:MM:SS[.ffffff]`: DATETIME has no zone (B30), TIMESTAMP is UTC without saying so (B29). */
export function looksLikeDateTime(buffer: Buffer, start: number, end: number): boolean {
  return (
    end - start >= 19 &&
    end - start <= 26 &&
    buffer[start + 4] === DASH &&
    buffer[start + 7] === DASH &&
    buffer[start + 10] === 32 &&
    buffer[start + 13] === COLON &&
    buffer[start + 16] === COLON &&
    (end - start === 19 || buffer[start + 19] === 46)
  );
}

/** `[-]HH:MM:SS[.ffffff]` with two or three digits of hours: a duration, not a time of day (B33). */
export function looksLikeTime(buffer: Buffer, start: number, end: number): boolean {
  let at = buffer[start] === DASH ? start + 1 : start;
  at += buffer[at + 2] === COLON ? 2 : 3;
  return end - at >= 6 && end - at <= 13 && buffer[at] === COLON && buffer[at + 3] === COLON && (end - at === 6 || buffer[at + 6] === 46);
}

/** What to do with a date no calendar has: zero and partial-zero dates, 30 February (B31). */
export type ZeroDates = 'fail' | 'null' | 'string';

export type DateMode = 'date' | 'iso' | 'epoch-ms' | 'epoch-us';

interface Instant {
  readonly days: number;
  readonly microsOfDay: number;
}

/**
 * A converter from the text of a DATE, DATETIME or TIMESTAMP. All three are read as UTC: right for TIMESTAMP, the only reading
 * without a zone database for the others. `Date` and milliseconds drop digits below the millisecond.
 */
export function dateConverter(mode: DateMode, kind: 'date' | 'datetime' | 'timestamp', zero: ZeroDates): (text: string) => unknown {
  return (text) => {
    const instant = parseInstant(text);
    if (!instant) {
      if (zero === 'null') return null;
      if (zero === 'string') return text;
      throw new CellFailure(
        'a date is not one of the calendar (zero or partial zero)',
        "Set zeroDates to 'null' or 'string', or read the column as text.",
      );
    }
    switch (mode) {
      case 'iso':
        return kind === 'date' ? text : `${text.replace(' ', 'T')}${kind === 'timestamp' ? 'Z' : ''}`;
      case 'epoch-us':
        return BigInt(instant.days) * 86_400_000_000n + BigInt(instant.microsOfDay);
      case 'epoch-ms':
        return instant.days * 86_400_000 + Math.floor(instant.microsOfDay / 1000);
      case 'date':
        return new Date(instant.days * 86_400_000 + Math.floor(instant.microsOfDay / 1000));
    }
  };
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})(?: (\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?)?$/;

function parseInstant(text: string): Instant | undefined {
  const match = DATE.exec(text);
  if (!match) fail('a date cell holds something else than a date');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) fail('a date cell holds something else than a date');
  const micros = Number((match[7] ?? '').padEnd(6, '0'));
  return { days: daysFromEpoch(year, month, day), microsOfDay: ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01, proleptic Gregorian: `Date.UTC` would read the years 0 to 99 as 1900 to 1999. */
function daysFromEpoch(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() / 86_400_000;
}

/** TIME in microseconds, signed: `-00:00:00.000001` is -1n (B33). */
export function timeMicros(text: string): bigint {
  const match = /^(-?)(\d{2,3}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?$/.exec(text);
  if (!match) fail('a time cell holds something else than a time');
  const seconds = (Number(match[2]) * 60 + Number(match[3])) * 60 + Number(match[4]);
  const micros = BigInt(seconds) * 1_000_000n + BigInt((match[5] ?? '').padEnd(6, '0'));
  return match[1] === '-' ? -micros : micros;
}
