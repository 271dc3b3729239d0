import { expect, test } from 'vitest';
import { VStreamError } from '../errors.js';
import { asFailure, describeFailure, exitCodeOf, failureJson } from './exit.js';
import { compact, grouped, spoken } from '../internal/figures.js';

test('a failure is two lines with its code, whatever the server wrote; a mistake of usage has none', () => {
  const error = new VStreamError('QUERY_FAILED', `first\nsecond\r\n${'x'.repeat(9000)}`, { next: 'Do\nthis.' });
  const text = describeFailure(error);
  expect(text.trimEnd().split('\n')).toHaveLength(2);
  expect(text).toMatch(/^error: first second xxx.*… \(QUERY_FAILED\)\n {2}next: Do this\.\n$/);
  // A next step is ours, and may be a statement to copy.
  const next = `Run as a user who may: ${'create table '.repeat(100)}.`;
  expect(describeFailure(new VStreamError('STATE_FAILED', 'no', { next }))).toBe(`error: no (STATE_FAILED)\n  next: ${next}\n`);
  expect(describeFailure(new VStreamError('CONFIG_INVALID', 'name is missing', { next: 'Name it.' }))).toBe(
    'error: name is missing\n  next: Name it.\n',
  );
});

test('what was found before contact exits 2, anything later 1', () => {
  expect(exitCodeOf(new VStreamError('CONFIG_INVALID', ''))).toBe(2);
  expect(exitCodeOf(new VStreamError('DRIVER_MISSING', ''))).toBe(2);
  expect(exitCodeOf(new VStreamError('CONNECT_FAILED', ''))).toBe(1);
  expect(exitCodeOf(new VStreamError('KEYSPACE_NOT_FOUND', ''))).toBe(1);
  expect(exitCodeOf(asFailure(new TypeError('bug')))).toBe(1);
});

test('the JSON form is one line and always has a next step', () => {
  const line = failureJson(new VStreamError('STREAM_LOST', 'gone\naway', { keyspace: 'k', shard: '-80' }));
  expect(line.endsWith('\n')).toBe(true);
  expect(line.trimEnd()).not.toContain('\n');
  expect(JSON.parse(line)).toEqual({
    error: {
      code: 'STREAM_LOST',
      category: 'retry',
      message: 'gone\naway',
      keyspace: 'k',
      shard: '-80',
      next: expect.stringMatching(/\w/),
    },
  });
});

test('numbers are written for people', () => {
  expect([0, 999, 1000, 1_234_567].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567']);
  expect([0, 999, 1000, 12_345, 450_000, 1_000_000, 2.5e9].map(compact)).toEqual(['0', '999', '1.0k', '12.3k', '450k', '1.0M', '2.5G']);
  expect([0.42, 12.4, 119, 185, 7800].map(spoken)).toEqual(['0.4 s', '12 s', '119 s', '3m05s', '2h10m']);
});
