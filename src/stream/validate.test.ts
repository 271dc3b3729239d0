import { expect, test } from 'vitest';
import { VStreamError } from '../errors.js';
import { Position } from '../position/position.js';
import { table } from '../schema/define.js';
import { validateStreamOptions } from './validate.js';

const source = { vtgate: 'localhost:15991', keyspace: 'commerce' };

function refusal(options: unknown): VStreamError {
  try {
    validateStreamOptions(options);
  } catch (error) {
    if (VStreamError.is(error)) return error;
    throw error;
  }
  throw new Error('these options were accepted');
}

/** Message and next step as one text. */
const complaint = (options: unknown): string => {
  const { message, next } = refusal(options);
  return `${message} | ${next}`;
};

test('the least options become a complete plan with every default filled in', () => {
  const plan = validateStreamOptions({ source });
  expect(plan).toMatchObject({
    source: {
      addresses: ['localhost:15991'],
      keyspace: 'commerce',
      shards: undefined,
      tls: undefined,
      auth: undefined,
      callerId: undefined,
      tabletType: undefined,
      cells: [],
      flags: {
        heartbeatSeconds: 5,
        minimizeSkew: false,
        streamKeyspaceHeartbeats: true,
        cellPreference: '',
        tabletOrder: '',
        maxStreamAgeSeconds: 0,
      },
      maxMessageBytes: 67_108_864,
      socket: 'main',
    },
    selection: [{ keyspace: 'commerce', name: '*', pattern: true, written: '*', definition: {} }],
    from: { kind: 'beginning' },
    fromGiven: false,
    until: { kind: 'never' },
    limits: { batchBytes: undefined, batchChanges: undefined, transactionBytes: 67_108_864 },
    images: 'full',
    zeroDates: 'fail',
    invalidText: 'fail',
    hugeTransaction: 'fail',
    types: {},
    signal: undefined,
  });
});

test('transactions that may be split come in parts as large as a batch', () => {
  const bytes = (more: object): number => validateStreamOptions({ source, hugeTransaction: 'split', ...more }).limits.transactionBytes;
  expect([bytes({}), bytes({ limits: { batchChanges: 5 } }), bytes({ limits: { transactionBytes: 7 } })]).toEqual([524_288, 524_288, 7]);
});

test('every problem is listed in one error, each with how to mend it', () => {
  const error = refusal({ sorce: source, limits: { batchBytes: 0 }, until: '30 parsecs', images: 'ful' });
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.message.split('\n')).toHaveLength(7);
  for (const part of [
    '6 problems in the options',
    'sorce is not an option: did you mean `source`?',
    'source.vtgate is missing: give the gRPC address',
    'source.keyspace is missing',
    'until cannot be "30 parsecs"',
    'limits.batchBytes must be a whole number of at least 1, not 0',
    'images must be `full` or `partial`, not "ful": did you mean `full`?',
  ])
    expect(error.message).toContain(part);
});

test('a single problem is one line and one next step', () => {
  const error = refusal({ source: { ...source, vtgate: 'localhost' } });
  expect(error.message).toBe('source.vtgate has no port: "localhost"');
  expect(error.next).toMatch(/^Give the gRPC address/);
});

test.each<[string, unknown, string]>([
  ['options that are no object', 'localhost:1', 'the options must be an object, not "localhost:1"'],
  ['no options', undefined, 'the options must be an object, not undefined'],
  ['a source that is text', { source: 'localhost:15991' }, 'source must be an object'],
  ['a scheme', { source: { ...source, vtgate: 'http://localhost:15991' } }, 'without a scheme'],
  ['port 0', { source: { ...source, vtgate: 'localhost:0' } }, 'port out of range'],
  ['port 70000', { source: { ...source, vtgate: 'localhost:70000' } }, 'port out of range'],
  ['a list in one text', { source: { ...source, vtgate: 'a:1,b:2' } }, 'written as a list'],
  ['no address in the list', { source: { ...source, vtgate: [] } }, 'source.vtgate is an empty list'],
  ['one bad address of two', { source: { ...source, vtgate: ['a:1', 'b'] } }, 'has no port: "b"'],
  ['the keyspace outside the source', { source: { vtgate: 'a:1' }, tables: ['k.t'], keyspace: 'k' }, 'Move it to `source.keyspace`'],
  ['the socket outside the source', { source, socket: 'thread' }, 'Move it to `source.socket`'],
  ['the policy of a table beside the tables', { source, onDdl: 'ignore' }, 'Move it to `tables.<name>.onDdl`'],
  ['a keyspace with a shard', { source: { ...source, keyspace: 'commerce/-80' } }, 'Write `commerce`; shards belong into'],
  ['the other spelling', { source: { ...source, tablet_type: 'replica' } }, 'Did you mean `source.tabletType`?'],
  ['a socket nowhere', { source: { ...source, socket: 'worker' } }, '`main`'],
  ['a tablet type in capitals', { source: { ...source, tabletType: 'REPLICA' } }, 'Did you mean `replica`?'],
  ['cells as text', { source: { ...source, cells: 'zone1' } }, 'source.cells must be a list'],
  ['shards with a keyspace in them', { source: { ...source, shards: ['commerce/-80'] } }, 'source.shards holds "commerce/-80"'],
  ['shards without a keyspace', { source: { vtgate: 'a:1', shards: ['0'] }, tables: ['k.t'] }, 'source.shards needs `source.keyspace`'],
  [
    'shards over two keyspaces',
    { source: { ...source, shards: ['0'] }, tables: ['other.t'] },
    'source.shards cannot go with tables of `other`',
  ],
  ['half a heartbeat second', { source: { ...source, flags: { heartbeatInterval: '1500ms' } } }, 'must be whole seconds'],
  ['no heartbeats', { source: { ...source, flags: { heartbeatInterval: 0 } } }, 'must be at least 1000 ms'],
  ['a flag that is ours', { source: { ...source, flags: { stopOnReshard: true } } }, 'source.flags.stopOnReshard is not an option'],
  ['a message limit beyond HTTP/2', { source: { ...source, maxMessageBytes: 2 ** 31 } }, 'from 65536 to 2147483647'],
  ['half a client certificate', { source: { ...source, tls: { cert: { file: 'c' } } } }, 'source.tls.key is missing beside `cert`'],
  ['a path where PEM text belongs', { source: { ...source, tls: { ca: './ca.pem' } } }, "Write `{ file: 'path/to/ca.pem' }`"],
  ['a user without password', { source: { ...source, auth: { username: 'u' } } }, 'source.auth.password is missing'],
  ['two kinds of authentication', { source: { ...source, auth: { username: 'u', metadata: {} } } }, 'stands beside a user name'],
  [
    'a metadata name in capitals',
    { source: { ...source, auth: { metadata: { Token: 'x' } } } },
    'source.auth.metadata.Token is not a metadata name',
  ],
  ['an empty secret', { source: { ...source, auth: { username: 'u', password: '' } } }, 'source.auth.password is empty'],
  [
    'a secret of two sources',
    { source: { ...source, auth: { username: 'u', password: { env: 'A', file: 'b' } } } },
    'must be text, `{ env }` or `{ file }`',
  ],
  ['tables as text', { source, tables: 'orders' }, 'Write ["orders"]'],
  ['no tables', { source, tables: [] }, 'tables is an empty list'],
  ['an empty record of tables', { source, tables: {} }, 'tables names no table'],
  ['a table that is a number', { source, tables: [1] }, 'must hold names only, not 1'],
  ['a table of three parts', { source, tables: ['a.b.c'] }, 'tables holds "a.b.c"'],
  ['a table twice', { source, tables: ['orders', 'orders'] }, 'tables lists "orders" twice'],
  ['a table in two spellings', { source, tables: ['orders', 'commerce.orders'] }, 'names one table twice: "orders" and "commerce.orders"'],
  ['a table set to false', { source, tables: { orders: false } }, 'tables.orders must be true or a table definition, not false'],
  ['a misspelt table option', { source, tables: { orders: { collumns: ['a'] } } }, 'Did you mean `tables.orders.columns`?'],
  [
    'an override of an unselected column',
    { source, tables: { orders: { columns: ['id'], types: { x: 'string' } } } },
    'tables.orders.types.x is not among',
  ],
  ['an unknown policy', { source, tables: { orders: { onDdl: 'stop' } } }, 'must be `evolve`, `ignore`, `pause` or `fail`, not "stop"'],
  ['tables without a keyspace', { source: { vtgate: 'a:1' }, tables: ['orders'] }, 'write each table as `keyspace.table`'],
  ['nothing to say which keyspace', { source: { vtgate: 'a:1' } }, 'source.keyspace is missing | Name the keyspace to stream.'],
  ['a misspelt start', { source, from: 'begining' }, 'Did you mean `beginning`?'],
  ['an unreadable position', { source, from: '{"version":1' }, 'from is not usable: unreadable position: this is not JSON'],
  ['a position of another kind', { source, from: { a: 1 } }, 'from is not usable: unreadable position'],
  ['an end in no time', { source, until: '0s' }, 'until must be a positive time'],
  ['an end before the start', { source, until: -5 }, 'until must be a positive time'],
  ...['current', 'garbage'].map((gtid): [string, object, string] => [
    `an end nothing can be compared with: ${gtid}`,
    { source, until: { version: 1, shards: [{ keyspace: 'k', shard: '0', gtid }] } },
    `until cannot be reached: k/0 has no GTID set but "${gtid}"`,
  ]),
  ['an unknown type', { source, types: { integer: 'string' } }, 'types.integer is not an option'],
  ['an override nobody knows', { source, types: { bigint: 'strnig' } }, 'types.bigint cannot be "strnig" | Did you mean \'string\'?'],
  [
    'an override of another type',
    { source, types: { decimal: 'hex' } },
    'types.decimal cannot be "hex" | Use one of string, number, or a function',
  ],
  [
    'a column override nobody knows',
    { source, tables: { orders: { types: { x: 'datte' } } } },
    'tables.orders.types.x cannot be "datte" | Did you mean \'date\'?',
  ],
  [
    'a character set nobody knows',
    { source, tables: { orders: { types: { x: 'charset:utf-8' } } } },
    'tables.orders.types.x cannot be "charset:utf-8"',
  ],
  [
    'an override that does not fit the declared column',
    { source, tables: { orders: { ...table({ declared: { id: 'bigint' } }), types: { id: 'hex' } } } },
    'tables.orders.types.id cannot be "hex" | Use one of bigint, string, number, number-if-safe, or a function',
  ],
  ['a filter with OR', { source, tables: { orders: { where: 'id = 1 or id = 2' } } }, 'tables.orders.where cannot be used: '],
  [
    'a filter on a column that is not selected',
    { source, tables: { orders: { columns: ['id'], where: 'Id > 1 and total > 2' } } },
    'tables.orders.where needs the column "total", which is not among `columns`',
  ],
  ['an override that is a number', { source, types: { bigint: 5 } }, 'types.bigint must be the name of a decoder or a function'],
  ['a logger of one method', { source, logger: { info() {} } }, 'logger has no method `debug`'],
  ['a signal that is none', { source, signal: {} }, 'signal must be an AbortSignal'],
  ['a fraction of a change', { source, limits: { batchChanges: 1.5 } }, 'limits.batchChanges must be a whole number'],
])('refuses %s, saying what and how to mend it', (_, options, part) => {
  expect(complaint(options)).toContain(part);
});

test('secrets never enter a message', () => {
  const text = complaint({
    source: {
      vtgate: 'user:hunter2@localhost:1',
      auth: { username: { envv: 'hunter2' }, password: ['hunter2'], metadata: { Bad: 'hunter2', 'grpc-x': 'hunter2' } },
      tls: { ca: 5, key: 'hunter2' },
    },
  });
  expect(text).toContain('problems');
  expect(text).not.toContain('hunter2');
});

test('a label gives the options the names their user knows', () => {
  expect(() => validateStreamOptions({ source: { keyspace: 'k' } }, { label: (path) => `--${path.replace('source.', '')}` })).toThrow(
    '--vtgate is missing',
  );
});

test('addresses are trimmed, listed once, and IPv6 is accepted', () => {
  const { addresses } = validateStreamOptions({ source: { ...source, vtgate: [' a:1', 'a:1', '[::1]:15991'] } }).source;
  expect(addresses).toEqual(['a:1', '[::1]:15991']);
});

test('tables may name their own keyspace, and definitions are kept', () => {
  const { selection } = validateStreamOptions({
    source,
    tables: { orders: { columns: ['id'], where: 'id > 5' }, 'billing.*': true },
  });
  expect(selection).toEqual([
    { keyspace: 'commerce', name: 'orders', pattern: false, written: 'orders', definition: { columns: ['id'], where: 'id > 5' } },
    { keyspace: 'billing', name: '*', pattern: true, written: 'billing.*', definition: {} },
  ]);
});

test('start and end are told apart: words, times, positions in any known form', () => {
  const position = new Position([{ keyspace: 'commerce', shard: '0', gtid: 'MySQL56/a:1-5' }]);
  const from = (value: unknown): unknown => validateStreamOptions({ source, from: value }).from;
  expect(from('current')).toEqual({ kind: 'current' });
  expect(from(position)).toEqual({ kind: 'position', position });
  expect(from(JSON.stringify(position))).toEqual({ kind: 'position', position });
  expect(from({ shardGtids: [{ keyspace: 'commerce', shard: '0', gtid: 'MySQL56/a:1-5' }] })).toEqual({ kind: 'position', position });
  const until = (value: unknown): unknown => validateStreamOptions({ source, until: value }).until;
  expect(until('copied')).toEqual({ kind: 'copied' });
  expect(until('now')).toEqual({ kind: 'now' });
  expect(until('1.5s')).toEqual({ kind: 'duration', ms: 1500 });
  expect(until(250)).toEqual({ kind: 'duration', ms: 250 });
  expect(until(position)).toEqual({ kind: 'position', position });
});

test('TLS and authentication pass through unread', () => {
  const tls = { ca: { file: 'ca.pem' } } as const;
  const auth = { username: { env: 'U' }, password: { file: '/p' } } as const;
  expect(validateStreamOptions({ source: { ...source, tls, auth } }).source).toMatchObject({ tls, auth });
  expect(validateStreamOptions({ source: { ...source, tls: true } }).source.tls).toEqual({});
  expect(validateStreamOptions({ source: { ...source, tls: false } }).source.tls).toBeUndefined();
});
