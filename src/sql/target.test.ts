import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyspaceTarget, nameProblem, quoted, shardTarget } from './target.js';

test('targets name the tablet type, as the default of a VTGate may be another', () => {
  expect(keyspaceTarget('commerce')).toBe('commerce@primary');
  expect(shardTarget('sharded', '-80', 'replica')).toBe('sharded/-80@replica');
});

test.each(['', 'a/b', 'a:b', 'a@replica', 'a b', 'a\n'])('%j never becomes part of a target', (name) => {
  expect(() => keyspaceTarget(name)).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(() => shardTarget('k', name)).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test('no name breaks out of its quotes', () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const inner = quoted(name).slice(1, -1);
      return !inner.replaceAll('``', '').includes('`') && inner.replaceAll('``', '`') === name;
    }),
  );
});

test('a name of a table is at most 64 characters, without what MySQL or a target forbids', () => {
  expect(nameProblem('streams')).toBeUndefined();
  expect(nameProblem('x'.repeat(64))).toBeUndefined();
  expect(nameProblem('ströme')).toBeUndefined();
  for (const bad of ['', 'x'.repeat(65), 'a.b', 'a/b', 'a\\b', 'a@b', 'a:b', 'nul\u0000', 'end ', '𝄞'])
    expect(nameProblem(bad), bad).toBeTypeOf('string');
});
