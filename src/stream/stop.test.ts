import { describe, expect, test } from 'vitest';
import { reachedStop, stopAtPosition, type StopPoint } from './stop.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const set = (text: string): string => `MySQL56/${UUID}:${text}`;
const pending = false;

function reached(stop: StopPoint, gtids: Readonly<Record<string, string>> = {}, copied = true, elapsed = 0): boolean {
  return reachedStop(stop, { copied, gtid: (keyspace, shard) => gtids[`${keyspace}/${shard}`] ?? '' }, elapsed);
}

const at = (gtid: string): StopPoint =>
  stopAtPosition([
    { keyspace: 'k', shard: '-80', gtid },
    { keyspace: 'k', shard: '80-', gtid: set('1-3') },
  ]);

describe('a bounded stream', () => {
  test('without a bound never ends', () => {
    expect(reached({ kind: 'never' }, {}, true, Number.MAX_SAFE_INTEGER)).toBe(false);
  });

  test('ends once everything is copied', () => {
    expect([reached({ kind: 'copied' }), reached({ kind: 'copied' }, {}, pending)]).toEqual([true, false]);
  });

  test('ends after its time, copied or not', () => {
    expect([99, 100].map((elapsed) => reached({ kind: 'after', ms: 100 }, {}, pending, elapsed))).toEqual([false, true]);
  });

  test.each([
    [set('1-5'), true],
    [set('1-6'), true],
    [set('1-4'), false],
    [set('1-4:6'), false],
    ['current', false],
    ['', false],
  ])('ends when every shard holds the set: %s', (gtid, expected) => {
    expect(reached(at(set('1-5')), { 'k/-80': gtid, 'k/80-': set('1-9') })).toBe(expected);
    expect(reached(at(set('1-5')), { 'k/-80': gtid })).toBe(false);
    expect(reached(at(set('1-5')), { 'k/-80': gtid, 'k/80-': set('1-9') }, pending)).toBe(false);
  });

  test('compares opaque positions as text', () => {
    const stop = stopAtPosition([{ keyspace: 'k', shard: '0', gtid: 'FilePos/a:4' }]);
    expect([reached(stop, { 'k/0': 'FilePos/a:4' }), reached(stop, { 'k/0': 'FilePos/a:5' })]).toEqual([true, false]);
  });

  test('is judged anew with each position, back and forth', () => {
    const stop = at(set('1-5'));
    const seen = [set('1-4'), set('1-5'), set('1-5'), '', set('1-6')];
    expect(seen.map((gtid) => reached(stop, { 'k/-80': gtid, 'k/80-': set('1-3') }))).toEqual([false, true, true, false, true]);
  });
});
