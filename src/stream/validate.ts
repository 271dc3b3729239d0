/**
 * Options of a stream: every problem found at once, defaults applied. Pure: no file, no environment, no network. Layer 3.
 */
import { VStreamError } from '../errors.js';
import { Fields } from '../internal/fields.js';
import { Problems, shown, type Label } from '../internal/problems.js';
import { parseDuration } from '../internal/duration.js';
import { suggest } from '../internal/suggest.js';
import { stderrLogger, type Logger } from '../observe/logger.js';
import { parseGtidSet } from '../position/gtid.js';
import { Position } from '../position/position.js';
import { SOURCE_OPTIONS, validateSource } from './validate-source.js';
import { validateTables } from './validate-tables.js';
import { readTypes } from './validate-types.js';
import type { ValidatedFrom, ValidatedLimits, ValidatedStream, ValidatedUntil } from './validated.js';

export type { ValidatedStream } from './validated.js';

const MiB = 1024 * 1024;

export const STREAM_OPTIONS = [
  'source',
  'tables',
  'from',
  'until',
  'signal',
  'logger',
  'types',
  'images',
  'zeroDates',
  'invalidText',
  'hugeTransaction',
  'limits',
] as const;

/** Options written at the top that belong into a part. */
export const OPTION_HOMES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(SOURCE_OPTIONS.map((name) => [name, `source.${name}`])),
  batchBytes: 'limits.batchBytes',
  batchChanges: 'limits.batchChanges',
  transactionBytes: 'limits.transactionBytes',
  columns: 'tables.<name>.columns',
  where: 'tables.<name>.where',
  copy: 'tables.<name>.copy',
  onDdl: 'tables.<name>.onDdl',
};

export interface ValidateOptions {
  /** Names the options as their user wrote them, for example as flags. Default: the option path. */
  readonly label?: Label;
  /** Further options the caller reads himself, such as `name` and `state` of an own loop. */
  readonly also?: readonly string[];
}

/**
 * Checks the options of a stream and fills in the defaults.
 * @throws VStreamError `CONFIG_INVALID`, once, naming every problem and how to mend it. Values of secrets are never shown.
 */
export function validateStreamOptions(options: unknown, { label, also = [] }: ValidateOptions = {}): ValidatedStream {
  const problems = new Problems(label);
  const fields = Fields.of(problems, '', options, { known: [...STREAM_OPTIONS, ...also], elsewhere: OPTION_HOMES, noun: 'the options' });
  const stream = fields && readStream(problems, fields);
  problems.throwIfAny('the options');
  return stream as ValidatedStream;
}

/** Reads the stream's part of an options object; the caller throws. The result is only complete when no problem was noted. */
export function readStream(problems: Problems, fields: Fields): ValidatedStream {
  const source = validateSource(problems, fields);
  const hugeTransaction = fields.oneOf('hugeTransaction', ['fail', 'split']) ?? 'fail';
  return {
    source,
    selection: validateTables(problems, fields, source),
    from: readFrom(fields),
    fromGiven: fields.has('from'),
    until: readUntil(fields),
    limits: readLimits(problems, fields, hugeTransaction),
    images: fields.oneOf('images', ['full', 'partial']) ?? 'full',
    zeroDates: fields.oneOf('zeroDates', ['fail', 'null', 'string']) ?? 'fail',
    invalidText: fields.oneOf('invalidText', ['fail', 'replace']) ?? 'fail',
    hugeTransaction,
    types: readTypes(problems, fields),
    logger: readLogger(fields),
    signal: readSignal(fields),
  };
}

function readFrom(fields: Fields): ValidatedFrom {
  const value = fields.raw('from');
  if (value === undefined || value === 'beginning') return { kind: 'beginning' };
  if (value === 'current') return { kind: 'current' };
  const position = readPosition(fields, 'from', value, ['beginning', 'current']);
  return position ? { kind: 'position', position } : { kind: 'beginning' };
}

function readUntil(fields: Fields): ValidatedUntil {
  const value = fields.raw('until');
  if (value === undefined) return { kind: 'never' };
  if (value === 'copied' || value === 'now') return { kind: value };
  const ms = parseDuration(value);
  if (ms !== undefined && ms > 0) return { kind: 'duration', ms };
  if (ms !== undefined || typeof value === 'number') {
    fields.fail('until', `must be a positive time, not ${shown(value)}`, 'Write for example `30s`, or milliseconds as a number.');
    return { kind: 'never' };
  }
  const position = readPosition(fields, 'until', value, ['copied', 'now', '30s']);
  // A set that cannot be compared is never reached, and the stream would go on for ever.
  const unreadable = position?.shards.find(({ gtid }) => !gtid.includes('/') && parseGtidSet(gtid) === undefined);
  if (unreadable) {
    const { keyspace, shard, gtid } = unreadable;
    const next = 'Give each shard the GTID set to reach, such as `MySQL56/uuid:1-5`; or write `now`.';
    fields.fail('until', `cannot be reached: ${keyspace}/${shard} has no GTID set but ${shown(gtid)}`, next);
  }
  return position ? { kind: 'position', position } : { kind: 'never' };
}

/** A position, or text or JSON of one in any form `Position.parse` knows. */
function readPosition(fields: Fields, name: string, value: unknown, words: readonly string[]): Position | undefined {
  const next = `Write ${words.map((word) => `\`${word}\``).join(', ')} or a position as JSON, such as one this client printed.`;
  if (typeof value === 'string' && !/^\s*[[{]/.test(value)) {
    const near = suggest(value, words);
    return fields.fail(name, `cannot be ${shown(value)}`, near === undefined ? next : `Did you mean \`${near}\`?`);
  }
  try {
    return Position.parse(value);
  } catch (error) {
    const reason = VStreamError.is(error) ? error.message : 'unreadable position';
    return fields.fail(name, `is not usable: ${reason}`, next);
  }
}

/**
 * Parts of a transaction are batches, and as large: each is decoded and lies in memory three times over (gathered, read ahead, at the sink).
 * In parts of 64 MiB a transaction of 300 MB took up to 950 MB, in parts as large as batches it takes no more than others.
 */
const TRANSACTION_BYTES = { fail: 64 * MiB, split: MiB / 2 } as const;

function readLimits(problems: Problems, fields: Fields, hugeTransaction: 'fail' | 'split'): ValidatedLimits {
  const given = fields.raw('limits') ?? {};
  const defaults: ValidatedLimits = {
    batchBytes: undefined,
    batchChanges: undefined,
    transactionBytes: TRANSACTION_BYTES[hugeTransaction],
  };
  const limits = Fields.of(problems, 'limits', given, { known: Object.keys(defaults) });
  if (!limits) return defaults;
  return {
    batchBytes: limits.count('batchBytes', undefined),
    batchChanges: limits.count('batchChanges', undefined),
    transactionBytes: limits.count('transactionBytes', defaults.transactionBytes),
  };
}

function readLogger(fields: Fields): Logger {
  const logger = fields.raw('logger');
  if (logger === undefined) return stderrLogger;
  const methods = ['debug', 'info', 'warn', 'error'] as const;
  const missing = methods.find((name) => typeof (logger as Record<string, unknown> | null)?.[name] !== 'function');
  if (missing === undefined) return logger as Logger;
  fields.fail('logger', `has no method \`${missing}\``, 'Give an object with debug, info, warn and error, such as a pino logger.');
  return stderrLogger;
}

function readSignal(fields: Fields): AbortSignal | undefined {
  const signal = fields.raw('signal');
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  return fields.fail('signal', 'must be an AbortSignal', 'Pass `new AbortController().signal`.');
}
