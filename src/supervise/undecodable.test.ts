import fc from 'fast-check';
import { expect, test } from 'vitest';
import { containsGtids, countGtids, parseGtidSet } from '../position/gtid.js';
import { must } from '../internal/must.js';
import { findUndecodable, MAX_STEPS, UndecodableHistory } from './undecodable.js';

const A = '57c397cb-e697-11f1-aa33-02fc00000001';
const B = '5a2547b8-e697-11f1-a746-02fc00000001';
const find = (position: string, executed: string[], failedAt?: string) =>
  findUndecodable({ position: `MySQL56/${position}`, executed, failedAt });

test('the lowest missing transaction of the only server that has any is the one', () => {
  expect(find(`${A}:1-27`, [`${A}:1-40`])).toEqual({ kind: 'found', gtid: `${A}:28`, position: `MySQL56/${A}:1-28` });
  expect(find(`${A}:1-27,${B}:1-5`, [`${A}:1-40,${B}:1-5`])).toMatchObject({ gtid: `${A}:28` });
});

test('a hole in the position comes before what is behind it', () => {
  expect(find(`${A}:1-10:12-20`, [`${A}:1-25`])).toMatchObject({ gtid: `${A}:11`, position: `MySQL56/${A}:1-20` });
});

test('what any tablet executed counts: a replica may be behind the one that failed', () => {
  expect(find(`${A}:1-27`, [`${A}:1-27`, `${A}:1-28`])).toMatchObject({ gtid: `${A}:28` });
});

test('with transactions of two servers missing, both candidates are told and none is taken', () => {
  expect(find(`${A}:1-27`, [`${A}:1-30,${B}:4-9`])).toEqual({ kind: 'ambiguous', candidates: [`${A}:28`, `${B}:4`] });
  expect(find(`${A}:1-27`, [`${A}:1-30:import:1-2`])).toMatchObject({ kind: 'ambiguous' });
});

test('the set in the text decides where it leaves one transaction', () => {
  expect(find(`${A}:1-27`, [`${A}:1-30,${B}:4-9`], `MySQL56/${A}:1-27,${B}:4`)).toEqual({
    kind: 'found',
    gtid: `${B}:4`,
    position: `MySQL56/${A}:1-27,${B}:4`,
  });
  expect(find(`${A}:1-27`, [`${A}:1-30,${B}:4-9`], `MySQL56/${A}:1-29`)).toMatchObject({ kind: 'ambiguous' });
});

test('nothing is found when nobody answered, nothing is missing, or the position is no set', () => {
  expect(find(`${A}:1-27`, [])).toEqual({ kind: 'unknown' });
  expect(find(`${A}:1-27`, [`${A}:1-27`])).toEqual({ kind: 'unknown' });
  expect(findUndecodable({ position: '', executed: [`${A}:1-27`], failedAt: undefined })).toEqual({ kind: 'unknown' });
  expect(findUndecodable({ position: 'current', executed: [`${A}:1-27`], failedAt: undefined })).toEqual({ kind: 'unknown' });
});

test('a step adds exactly one transaction, one that was executed and not received', () => {
  const ranges = fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 9 })), { maxLength: 6 });
  const setOf = (uuid: string, list: readonly (readonly [number, number])[]): string =>
    list.length === 0 ? '' : `${uuid}:${list.map(([from, length]) => `${from}-${from + length}`).join(':')}`;
  fc.assert(
    fc.property(ranges, ranges, (received, more) => {
      const position = `MySQL56/${setOf(A, received)}`;
      const verdict = findUndecodable({ position, executed: [setOf(A, [...received, ...more])], failedAt: undefined });
      if (verdict.kind !== 'found') return;
      const before = must(parseGtidSet(position), 'a set');
      const after = must(parseGtidSet(verdict.position), 'a set');
      expect(containsGtids(after, before)).toBe(true);
      expect(countGtids(after)).toBe(countGtids(before) + 1n);
      expect(containsGtids(must(parseGtidSet(setOf(A, more)), 'a set'), must(parseGtidSet(verdict.gtid), 'a set'))).toBe(true);
    }),
  );
});

test('the first meeting is answered with a reconnect, the second at the same place with a decision', () => {
  const history = new UndecodableHistory();
  expect(history.met('s/0', 'p1')).toBe('reconnect');
  expect(history.met('s/0', 'p1')).toBe('decide');
  expect(history.met('s/1', 'p1')).toBe('reconnect');
});

test('a reconnect that gets further starts over', () => {
  const history = new UndecodableHistory();
  history.met('s/0', 'p1');
  expect(history.met('s/0', 'p2')).toBe('reconnect');
});

test('neighbouring transactions are stepped over one by one, each after a reconnect, and not without end', () => {
  const history = new UndecodableHistory();
  history.met('s/0', 'p0');
  for (let step = 1; step <= MAX_STEPS; step++) {
    expect(history.met('s/0', `p${step - 1}`)).toBe('decide');
    history.stepped('s/0', `p${step}`);
    expect(history.met('s/0', `p${step}`)).toBe('reconnect');
  }
  expect(history.met('s/0', `p${MAX_STEPS}`)).toBe('give-up');
});

test('steps count once the stream moves past them', () => {
  const history = new UndecodableHistory();
  for (let round = 0; round < 3 * MAX_STEPS; round++) {
    expect(history.met('s/0', `moved ${round}`)).toBe('reconnect');
    expect(history.met('s/0', `moved ${round}`)).toBe('decide');
    history.stepped('s/0', `stepped ${round}`);
  }
});
