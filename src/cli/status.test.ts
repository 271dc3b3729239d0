import { expect, test } from 'vitest';
import { Position } from '../position/position.js';
import type { StateRecord } from '../stores/store.js';
import { describeRecord } from './status.js';

const done = { state: 'done', generation: 1, fingerprint: 'f', rows: 3 } as const;
const record: StateRecord = {
  name: 'orders',
  part: '',
  format: 1,
  incarnation: 'i',
  owner: 'host:1:abc',
  epoch: 2n,
  beat: 9n,
  leaseRemainingMs: 11_200,
  position: Position.parse({
    version: 1,
    shards: [
      { keyspace: 'shop', shard: '-80', gtid: 'MySQL56/a:1-5' },
      { keyspace: 'shop', shard: '80-', gtid: '' },
    ],
    copy: { shop: { customers: done, orders: { state: 'pending', generation: 1, fingerprint: 'f' } } },
  }),
  config: undefined,
  lastError: undefined,
  requests: [],
  createdAt: undefined,
  updatedAt: undefined,
};
const linesOf = (change: Partial<StateRecord>): string[] =>
  describeRecord({ ...record, ...change }, (_colour, text) => text)
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().replace(/ {2,}/, ': '));
const stateOf = (change: Partial<StateRecord>): string | undefined => linesOf(change)[1];

test('a stream under way: owner, what is copied, where each shard is', () => {
  expect(linesOf({})).toEqual([
    'orders',
    'state: running at host:1:abc (lease ends in 12 s)',
    'epoch: 2',
    'copy: 1 of 2 tables to go: shop.orders',
    'shop/-80: MySQL56/a:1-5',
    'shop/80-: nothing yet',
  ]);
});

test('of a copy under way the rows so far are told, over all shards', () => {
  const orders = {
    state: 'pending',
    generation: 1,
    fingerprint: 'f',
    shards: { '-80': { state: 'copying', generation: 1, lastPk: 'eA==', rows: 4000 }, '80-': { state: 'done', generation: 1, rows: 500 } },
  };
  const position = Position.parse({ ...record.position?.toJSON(), copy: { shop: { orders } } });
  expect(linesOf({ position })).toContain('copy: 1 of 1 table to go: shop.orders (4,500 rows so far)');
});

test('a finished copy counts its tables', () => {
  const position = Position.parse({
    version: 1,
    shards: [{ keyspace: 'shop', shard: '0', gtid: 'MySQL56/a:1-5' }],
    copy: { shop: { customers: done } },
  });
  expect(linesOf({ position })).toContain('copy: complete (1 table)');
});

test('a pause shows once the owner took it, until a resume is taken, whatever else is asked, also while nobody runs the stream', () => {
  const request = { id: 'r', verb: 'pause' } as const;
  const stopped = { owner: undefined, leaseRemainingMs: 0 };
  const taken = { ...request, outcome: 'done' };
  expect(stateOf({ requests: [request] })).toMatch(/^state: running at/);
  expect(stateOf({ requests: [taken] })).toMatch(/^state: paused at host:1:abc/);
  expect(stateOf({ requests: [request], ...stopped })).toBe('state: not running, and paused');
  const resume = { id: 'r2', verb: 'resume' } as const;
  expect(stateOf({ requests: [taken, { ...resume, outcome: 'done' }] })).toMatch(/^state: running at/);
  // Not resumed before the owner says so.
  expect(stateOf({ requests: [taken, resume] })).toMatch(/^state: paused at/);
  expect(stateOf({ requests: [taken, resume], ...stopped })).toBe('state: not running');
  expect(stateOf({ requests: [{ ...request, outcome: 'superseded by a later resume' }, resume] })).toMatch(/^state: running at/);
  expect(stateOf({ requests: [taken, { id: 'c', verb: 'copy', table: 'orders' }] })).toMatch(/^state: paused at/);
  expect(stateOf(stopped)).toBe('state: not running');
});

test('each request that waits is shown, behind the last three outcomes', () => {
  const copy = (table: string, outcome?: string) => ({ id: table, verb: 'copy', table, outcome }) as const;
  const requests = [copy('a', 'done'), copy('b', 'failed: no'), copy('c', 'done'), copy('d', 'done'), copy('e'), copy('f')];
  expect(linesOf({ requests }).filter((line) => line.startsWith('request'))).toEqual([
    'request: copy b: failed: no',
    'request: copy c: done',
    'request: copy d: done',
    'request: copy e (not taken yet)',
    'request: copy f (not taken yet)',
  ]);
});

test('the last error has its code, by which it is found in the documentation', () => {
  const lastError = JSON.stringify({ code: 'POSITION_PURGED', category: 'position', message: 'gone' });
  expect(linesOf({ lastError })).toContain('last error: gone (POSITION_PURGED)');
  expect(linesOf({ lastError: 'words of another release' })).toContain('last error: words of another release');
});
