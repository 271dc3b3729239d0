import { expect, test } from 'vitest';
import { VStreamError } from '../errors.js';
import { MessageQueue } from './message-queue.js';

const message = (size: number): Uint8Array => new Uint8Array(size);
const lost = (): VStreamError => new VStreamError('STREAM_LOST', 'gone');

test('reading stops when about two packets wait, and goes on as soon as the consumer took one', async () => {
  const queue = new MessageQueue();
  let reads = 0;
  queue.onRoom = () => {
    reads += 1;
  };
  queue.push(message(250_000));
  expect(queue.room()).toBe(true);
  queue.push(message(250_000));
  queue.push(message(250_000));
  expect(queue.room()).toBe(false);
  expect(reads).toBe(0);
  await queue.next();
  expect(reads).toBe(1);
});

test('one message beyond the limit fills it alone: it is not refused', async () => {
  const queue = new MessageQueue();
  queue.push(message(20_000_000));
  expect(queue.room()).toBe(false);
  expect((await queue.next()).value?.length).toBe(20_000_000);
  expect(queue.room()).toBe(true);
});

test('what arrived before a failure is delivered before it, and the failure once', async () => {
  const queue = new MessageQueue();
  queue.push(message(1));
  queue.push(message(2));
  queue.fail(lost());
  queue.fail(new VStreamError('CONNECT_FAILED', 'later'));
  expect((await queue.next()).value?.length).toBe(1);
  expect((await queue.next()).value?.length).toBe(2);
  await expect(queue.next()).rejects.toMatchObject({ code: 'STREAM_LOST' });
  expect((await queue.next()).done).toBe(true);
});

test('a waiting consumer gets message, end and failure at once', async () => {
  const first = new MessageQueue();
  const got = first.next();
  first.push(message(3));
  expect((await got).value?.length).toBe(3);
  const ended = first.next();
  first.end();
  expect((await ended).done).toBe(true);
  const second = new MessageQueue();
  const failed = second.next();
  second.fail(lost());
  await expect(failed).rejects.toMatchObject({ code: 'STREAM_LOST' });
});

test('discarding drops what waits and tells the producer once', async () => {
  const queue = new MessageQueue();
  let finished = 0;
  queue.onFinish = () => {
    finished += 1;
  };
  queue.push(message(1));
  queue.discard();
  queue.discard();
  queue.push(message(1));
  expect((await queue.next()).done).toBe(true);
  expect(finished).toBe(1);
});
