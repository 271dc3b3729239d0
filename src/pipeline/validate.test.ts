import { expect, test } from 'vitest';
import { VStreamError } from '../errors.js';
import { validateLoopOptions, validateRunOptions } from './validate.js';

const handler = async (): Promise<void> => {};
const sink = {
  capabilities: { position: 'stored', deletes: true, sweep: false, schema: 'evolve' },
  open: handler,
  apply: handler,
  close: handler,
};
const store = { prepare: handler, claim: handler, write: handler, read: handler };
const good = {
  name: 'orders',
  source: { vtgate: 'localhost:15991', keyspace: 'commerce' },
  state: { keyspace: 'vstream', table: 'streams' },
  sink: handler,
};

const complaint = (change: Record<string, unknown>): string => {
  try {
    validateRunOptions({ ...good, ...change });
  } catch (error) {
    if (VStreamError.is(error)) return `${error.message} | ${error.next}`;
    throw error;
  }
  throw new Error('these options were accepted');
};

test('a run is complete with name, source, state and sink', () => {
  expect(validateRunOptions(good)).toMatchObject({
    name: 'orders',
    state: { kind: 'table', keyspace: 'vstream', table: 'streams' },
    sink: { kind: 'handler', handler },
    wait: true,
    leaseMs: 30_000,
    checkpointMs: 1_000,
    sinkRetryMs: 30_000,
    drainMs: 30_000,
    selection: [{ keyspace: 'commerce', name: '*' }],
  });
});

test('a store and a sink of the user are taken as they are', () => {
  expect(validateRunOptions({ ...good, state: store, sink })).toMatchObject({
    state: { kind: 'store', store },
    sink: { kind: 'sink', sink },
  });
});

test('problems of stream and run stand in one error', () => {
  expect(complaint({ name: undefined, source: {}, sink: undefined })).toMatch(
    /^4 problems in the options\n {2}source\.vtgate is missing.*\n {2}source\.keyspace is missing.*\n {2}name is missing.*\n {2}sink is missing/,
  );
});

test.each<[string, Record<string, unknown>, string]>([
  ['an empty name', { name: ' ' }, 'name is empty'],
  ['a name with a line break', { name: 'a\nb' }, 'name has control characters'],
  ['an endless name', { name: 'x'.repeat(129) }, 'name is longer than 128 characters'],
  ['a class in place of a sink', { sink: class MySink {} }, 'sink is a class, not a sink'],
  [
    'no whole number',
    { limits: { batchBytes: '1x' } },
    'limits.batchBytes must be a whole number of at least 1, not "1x" | Write such a number, or leave it out.',
  ],
  ['no state', { state: undefined }, 'state is missing'],
  ['state as text', { state: 'vstream.streams' }, 'state must be an object, not "vstream.streams"'],
  ['a state without table', { state: { keyspace: 'k' } }, 'state.table is missing'],
  ['a state table with a dot', { state: { keyspace: 'k', table: 'a.b' } }, 'state.table is not the name of a table: "a.b"'],
  ['a misspelt state', { state: { keyspace: 'k', tabel: 't', table: 't' } }, 'Did you mean `state.table`?'],
  ['a sink that is text', { sink: 'duckdb' }, 'sink must be a sink or a function, not "duckdb"'],
  ['a sink without apply', { sink: { ...sink, apply: undefined } }, 'sink has no method `apply`'],
  ['a sink without capabilities', { sink: { ...sink, capabilities: undefined } }, 'does not declare `capabilities.position`'],
  [
    'a search in a sink of positions',
    { sink: { ...sink, capabilities: { ...sink.capabilities, bisect: true } } },
    'declares `capabilities.bisect` and stores positions',
  ],
  [
    'a search that is no yes or no',
    { sink: { ...sink, capabilities: { ...sink.capabilities, bisect: 'yes' } } },
    'declares `capabilities.bisect` as "yes"',
  ],
  ['a promise to sweep', { sink: { ...sink, capabilities: { ...sink.capabilities, sweep: true } } }, 'has no method `sweep`'],
  ['a lease too short to renew', { lease: '500ms' }, 'lease must be at least 1000 ms'],
  ['a misspelt option', { checkpointIntervall: 1 }, 'Did you mean `checkpointInterval`?'],
  ['wait as text', { wait: 'no' }, 'wait must be true or false'],
])('refuses %s', (_, change, part) => expect(complaint(change)).toContain(part));

test('an own loop commits with name and state, both or none', () => {
  const { name: _name, state: _state, sink: _sink, ...bare } = good;
  expect(validateLoopOptions(bare)).toMatchObject({ name: undefined, state: undefined });
  expect(validateLoopOptions({ ...bare, name: 'x', state: store })).toMatchObject({ name: 'x', state: { kind: 'store' } });
  expect(() => validateLoopOptions({ ...bare, name: 'x' })).toThrow('state is missing');
});

test('the dead letter file belongs to its policy, and each is named where the other is missing', () => {
  const problem = (more: object): string => {
    try {
      validateRunOptions({
        name: 'n',
        source: { vtgate: 'a:1', keyspace: 'k' },
        state: { keyspace: 'v', table: 't' },
        sink: async () => {},
        ...more,
      });
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(problem({ onBadRow: 'dead-letter' })).toBe('deadLetter is missing');
  expect(problem({ deadLetter: { path: 'x' } })).toBe('deadLetter is of no use here');
  expect(problem({ onBadRow: 'dead-letter', deadLetter: {} })).toBe('deadLetter.path is missing');
  expect(problem({ onBadRow: 'dead-letter', deadLetter: { path: 'x' } })).toBe('');
  expect(problem({ onBadRow: 'drop' })).toContain('onBadRow must be');
});

test('dead letters lie in a file or in a table of their own', () => {
  const place = (deadLetter: object): Record<string, unknown> => ({ onBadRow: 'dead-letter', deadLetter });
  const read = (deadLetter: object): unknown => validateRunOptions({ ...good, ...place(deadLetter) }).deadLetter;
  expect(read({ path: 'x.jsonl' })).toEqual({ kind: 'file', path: 'x.jsonl' });
  expect(read({ keyspace: 'vstream', table: 'bad_rows' })).toEqual({ kind: 'table', keyspace: 'vstream', table: 'bad_rows' });
  expect(complaint(place({ keyspace: 'vstream' }))).toContain('deadLetter.table is missing');
  expect(complaint(place({ path: 'x', keyspace: 'vstream', table: 'bad_rows' }))).toContain('and a table exclude each other');
  expect(complaint(place({ keyspace: 'vstream', table: 'a.b' }))).toContain('is not the name of a table');
  expect(complaint(place(good.state))).toContain('is the table of the state');
  expect(complaint(place({ tabel: 'x' }))).toContain('did you mean `deadLetter.table`?');
});
