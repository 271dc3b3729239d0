import { expect, test } from 'vitest';
import { BatchBuilder, tableVersion } from '../testing/batch-builder.js';
import { atChange, changeOf } from './at-change.js';

const version = tableVersion('k.t', { id: 'bigint key' });
const { changes } = new BatchBuilder('k', ['-80']).transactions(
  [1, 2, 3].map((id) => ({ op: 'insert', version, shard: '-80', after: { id } }) as const),
);
const [first, second, third] = changes as [(typeof changes)[0], (typeof changes)[0], (typeof changes)[0]];
const failing = (text: string) => async (): Promise<never> => {
  throw new Error(text);
};
const thrownBy = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

test('the work is done, and what it returns comes back', async () => {
  expect(await atChange(first, () => 7)).toBe(7);
  expect(await atChange(first, async () => 'done')).toBe('done');
});

test('of several at once, each error names the change whose work threw it, and work outside names none', async () => {
  const errors = await Promise.all([thrownBy(atChange(second, failing('b'))), thrownBy(atChange(first, failing('a')))]);
  expect(errors.map(changeOf)).toEqual([second, first]);
  expect(changeOf(new Error('elsewhere'))).toBeUndefined();
});

test('a wrapped error, one inside another, and what is no error at all, name their change', async () => {
  const wrapped = await thrownBy(
    atChange(third, async () => {
      await atChange(first, failing('a')).catch((cause: unknown) => Promise.reject(new Error('while writing', { cause })));
    }),
  );
  // What is thrown at last is an error of the outer work.
  expect(changeOf(wrapped)).toBe(third);
  const around = await thrownBy(atChange(first, failing('a')).catch((cause: unknown) => Promise.reject(new Error('later', { cause }))));
  expect(changeOf(around)).toBe(first);
  const text = await thrownBy(atChange(second, () => Promise.reject('a text')));
  expect(text).toMatchObject({ message: 'a text' });
  expect(changeOf(text)).toBe(second);
});
