/** Options of a run: the stream's, and what belongs to state, sink and ownership. Pure. Layer 4. */
import { Fields, isObject } from '../internal/fields.js';
import { Problems, shown } from '../internal/problems.js';
import { MIN_LEASE_MS } from '../ownership/lease.js';
import type { CheckpointStore } from '../stores/store.js';
import { OPTION_HOMES, readStream, STREAM_OPTIONS, type ValidateOptions } from '../stream/validate.js';
import { isKeyspaceName } from '../stream/validate-source.js';
import type { ValidatedStream } from '../stream/validated.js';
import type { LetterPlace } from './letter-box.js';
import type { Handler, StateTable } from './options.js';
import type { Sink } from './sink.js';

export type ValidatedState = ({ readonly kind: 'table' } & StateTable) | { readonly kind: 'store'; readonly store: CheckpointStore };

export type ValidatedSink = { readonly kind: 'sink'; readonly sink: Sink } | { readonly kind: 'handler'; readonly handler: Handler };

export interface ValidatedRun extends ValidatedStream {
  readonly name: string;
  readonly state: ValidatedState;
  readonly sink: ValidatedSink;
  readonly onPurged: 'fail' | 'recopy';
  readonly onBadRow: 'fail' | 'skip' | 'dead-letter';
  /** There when `onBadRow` is `dead-letter`. */
  readonly deadLetter: LetterPlace | undefined;
  readonly onUndecodable: 'fail' | 'skip-and-recopy';
  readonly wait: boolean;
  readonly leaseMs: number;
  readonly checkpointMs: number;
  readonly sinkRetryMs: number;
  readonly drainMs: number;
}

export const RUN_OPTIONS = [
  ...STREAM_OPTIONS,
  'name',
  'state',
  'sink',
  'onPurged',
  'onBadRow',
  'deadLetter',
  'onUndecodable',
  'wait',
  'lease',
  'checkpointInterval',
  'sinkRetry',
  'drainTimeout',
] as const;

const MAX_NAME = 128;
const DEFAULT_LEASE_MS = 30_000;

/**
 * Checks the options of a run and fills in the defaults.
 * @throws VStreamError `CONFIG_INVALID`, once, naming every problem and how to mend it.
 */
export function validateRunOptions(options: unknown, { label, also = [] }: ValidateOptions = {}): ValidatedRun {
  const problems = new Problems(label);
  const fields = Fields.of(problems, '', options, { known: [...RUN_OPTIONS, ...also], elsewhere: OPTION_HOMES, noun: 'the options' });
  const run = fields && readRun(problems, fields);
  problems.throwIfAny('the options');
  return run as ValidatedRun;
}

function readRun(problems: Problems, fields: Fields): Partial<ValidatedRun> {
  return {
    ...readStream(problems, fields),
    ...defined('name', readName(fields)),
    ...defined('state', readState(problems, fields)),
    ...defined('sink', readSink(fields)),
    onPurged: fields.oneOf('onPurged', ['fail', 'recopy']) ?? 'fail',
    onBadRow: fields.oneOf('onBadRow', ['fail', 'skip', 'dead-letter']) ?? 'fail',
    deadLetter: readDeadLetter(problems, fields),
    onUndecodable: fields.oneOf('onUndecodable', ['fail', 'skip-and-recopy']) ?? 'fail',
    wait: fields.flag('wait', true),
    leaseMs: readLease(fields),
    checkpointMs: fields.duration('checkpointInterval', 1_000),
    sinkRetryMs: fields.duration('sinkRetry', 30_000),
    drainMs: fields.duration('drainTimeout', 30_000),
  };
}

const PLACES = "Name a file, `{ path: 'bad-rows.jsonl' }`, or a table, `{ keyspace: 'vstream', table: 'bad_rows' }`.";

function readDeadLetter(problems: Problems, fields: Fields): LetterPlace | undefined {
  const wanted = fields.raw('onBadRow') === 'dead-letter';
  if (!fields.has('deadLetter')) return wanted ? fields.fail('deadLetter', 'is missing', PLACES) : undefined;
  if (!wanted) return fields.fail('deadLetter', 'is of no use here', "Set `onBadRow` to 'dead-letter', or remove it.");
  const place = readLetterPlace(problems, fields);
  const state = fields.raw('state');
  if (place?.kind === 'table' && isObject(state) && state['keyspace'] === place.keyspace && state['table'] === place.table) {
    return fields.fail('deadLetter', 'is the table of the state', 'Give the dead letters a table of their own.');
  }
  return place;
}

/** `deadLetter` alone, for who reads what a stream left. */
export function readLetterPlace(problems: Problems, fields: Fields): LetterPlace | undefined {
  const letter = Fields.of(problems, 'deadLetter', fields.raw('deadLetter'), { known: ['path', 'keyspace', 'table'] });
  if (!letter) return undefined;
  if (!letter.has('keyspace') && !letter.has('table')) {
    const path = letter.require('path', PLACES) ? letter.text('path', 'Name the file.') : undefined;
    return path === undefined ? undefined : { kind: 'file', path };
  }
  if (letter.has('path')) return letter.fail('path', 'and a table exclude each other', PLACES);
  return readPlaceOfTable(letter, 'dead letters', 'bad_rows');
}

/** A keyspace and a table of the user's that the client writes to. */
function readPlaceOfTable(fields: Fields, what: string, example: string): ({ readonly kind: 'table' } & StateTable) | undefined {
  const [keyspace, name] = (['keyspace', 'table'] as const).map((part) => {
    if (!fields.require(part, `Name the ${part} that keeps the ${what}, for example \`${part === 'keyspace' ? 'vstream' : example}\`.`))
      return undefined;
    const text = fields.text(part);
    if (text === undefined) return undefined;
    const valid = part === 'keyspace' ? isKeyspaceName(text) : /^[\p{L}\p{N}_$-]{1,64}$/u.test(text);
    return valid ? text : fields.fail(part, `is not the name of a ${part}: ${shown(text)}`, 'Use letters, digits and `_`.');
  });
  return keyspace === undefined || name === undefined ? undefined : { kind: 'table', keyspace, table: name };
}

function defined<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [key in K]?: V };
}

/** Options of an own loop (`vstream()`): the stream's, and `name` and `state`, both or none, for `commit`. */
export interface ValidatedLoop extends ValidatedStream {
  readonly name: string | undefined;
  readonly state: ValidatedState | undefined;
  readonly wait: boolean;
  readonly leaseMs: number;
}

/** @throws VStreamError `CONFIG_INVALID`, once, naming every problem and how to mend it. */
export function validateLoopOptions(options: unknown, { label, also = [] }: ValidateOptions = {}): ValidatedLoop {
  const problems = new Problems(label);
  const known = [...STREAM_OPTIONS, 'name', 'state', 'wait', 'lease', ...also];
  const fields = Fields.of(problems, '', options, { known, elsewhere: OPTION_HOMES, noun: 'the options' });
  const stateful = fields !== undefined && (fields.has('name') || fields.has('state'));
  const loop = fields && {
    ...readStream(problems, fields),
    name: stateful ? readName(fields) : undefined,
    state: stateful ? readState(problems, fields) : undefined,
    wait: fields.flag('wait', true),
    leaseMs: readLease(fields),
  };
  problems.throwIfAny('the options');
  return loop as ValidatedLoop;
}

function readLease(fields: Fields): number {
  return fields.duration('lease', DEFAULT_LEASE_MS, MIN_LEASE_MS);
}

export function readName(fields: Fields): string | undefined {
  const next = 'Name the stream, for example `orders-to-warehouse`: its state hangs on this name.';
  if (!fields.require('name', next)) return undefined;
  const name = fields.text('name', next);
  if (name === undefined) return undefined;
  if (/\p{Cc}/u.test(name) || name !== name.trim()) {
    return fields.fail('name', 'has control characters or outer spaces', 'Use letters, digits, `-`, `_`, `.` or inner spaces.');
  }
  if ([...name].length > MAX_NAME) return fields.fail('name', `is longer than ${MAX_NAME} characters`, 'Shorten it.');
  return name;
}

export function readState(problems: Problems, fields: Fields): ValidatedState | undefined {
  const value = fields.raw('state');
  if (!fields.require('state', "Name an unsharded keyspace and a table for it: `{ keyspace: 'vstream', table: 'streams' }`."))
    return undefined;
  if (isStore(value)) return { kind: 'store', store: value };
  const table = Fields.of(problems, 'state', value, { known: ['keyspace', 'table'] });
  return table && readPlaceOfTable(table, 'state', 'streams');
}

function isStore(value: unknown): value is CheckpointStore {
  return isObject(value) && ['prepare', 'claim', 'write', 'read'].every((name) => typeof value[name] === 'function');
}

function readSink(fields: Fields): ValidatedSink | undefined {
  const value = fields.raw('sink');
  const next = 'Give a sink such as `duckdb({ path })`, or an async function of (batch, context).';
  if (!fields.require('sink', next)) return undefined;
  if (typeof value === 'function') {
    // A class can be called like a function, but throws at the first batch.
    if (/^class\b/.test(Function.prototype.toString.call(value)))
      return fields.fail('sink', 'is a class, not a sink', 'Give what it makes: `new MySink(…)`.');
    return { kind: 'handler', handler: value as Handler };
  }
  if (!isObject(value)) return fields.fail('sink', `must be a sink or a function, not ${shown(value)}`, next);
  const missing = ['open', 'apply', 'close'].find((name) => typeof value[name] !== 'function');
  if (missing !== undefined) return fields.fail('sink', `has no method \`${missing}\``, next);
  const capabilities = value['capabilities'];
  const incomplete = isObject(capabilities)
    ? ['position', 'deletes', 'sweep', 'schema'].find((name) => capabilities[name] === undefined)
    : 'position';
  if (incomplete !== undefined)
    return fields.fail('sink', `does not declare \`capabilities.${incomplete}\``, 'See the contract of `Sink`.');
  const { position, bisect } = capabilities as Record<string, unknown>;
  if (bisect !== undefined && typeof bisect !== 'boolean')
    return fields.fail('sink', `declares \`capabilities.bisect\` as ${shown(bisect)}`, 'Declare true or false.');
  if (bisect === true && position === 'stored') {
    const how = 'Leave it out: a sink that stores positions undoes what it began, and names the rows with `rowsRefused`.';
    return fields.fail('sink', 'declares `capabilities.bisect` and stores positions', how);
  }
  if ((capabilities as Record<string, unknown>)['sweep'] === true && typeof value['sweep'] !== 'function') {
    return fields.fail('sink', 'declares `capabilities.sweep` but has no method `sweep`', 'Implement it, or declare false.');
  }
  return { kind: 'sink', sink: value as unknown as Sink };
}
