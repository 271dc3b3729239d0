import { expect, test } from 'vitest';
import { Outlet, WINDOW_BYTES, WINDOW_MESSAGES } from './thread-outlet.js';

interface Run {
  readonly outlet: Outlet;
  readonly sent: Uint8Array[];
  taken: number;
  readonly ended: Promise<void>;
}

function run(lengths: readonly number[], fail?: Error): Run {
  const sent: Uint8Array[] = [];
  const state = { outlet: new Outlet((messages) => sent.push(...messages)), sent, taken: 0 };
  async function* messages(): AsyncGenerator<Uint8Array> {
    for (const [index, length] of lengths.entries()) {
      state.taken += 1;
      yield new Uint8Array(length).fill(index);
    }
    if (fail) throw fail;
  }
  return Object.assign(state, { ended: state.outlet.run(messages()) });
}

/** Lets everything happen that can. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test.each([
  ['small ones', 1, WINDOW_MESSAGES],
  ['packets', 250_000, Math.ceil(WINDOW_BYTES / 250_000)],
  ['one huge one', 10_000_000, 1],
])('a consumer that takes nothing gets a window of messages: %s', async (_what, length, window) => {
  // One more than it may ever take: what is behind a cancelled stream is read to its end.
  const one = run(Array.from({ length: window + 2 }, () => length));
  await settle();
  expect([one.taken, one.sent.length]).toEqual([window, window]);
  one.outlet.took(1, length);
  await settle();
  expect([one.taken, one.sent.length]).toEqual([window + 1, window + 1]);
  one.outlet.cancel();
  await one.ended;
});

test('everything comes, in order, to a consumer that tells late what it took', async () => {
  const lengths = Array.from({ length: 250 }, (_, index) => (index % 7 === 0 ? 200_000 : 10));
  const one = run(lengths);
  let told = 0;
  while (told < lengths.length) {
    await settle();
    const now = one.sent.slice(told);
    expect(now.length).toBeGreaterThan(0);
    told += now.length;
    one.outlet.took(
      now.length,
      now.reduce((sum, message) => sum + message.length, 0),
    );
  }
  await one.ended;
  expect(one.sent.map((message) => [message.length, message[0]])).toEqual(lengths.map((length, index) => [length, index]));
});

test('what came before an error is sent before it', async () => {
  const one = run([1, 2, 3], new Error('lost'));
  await expect(one.ended).rejects.toThrow('lost');
  expect(one.sent.map((message) => message.length)).toEqual([1, 2, 3]);
});

test('the memory given away is never shared with anything else', async () => {
  const pooled = Buffer.from('small');
  const whole = new Uint8Array(100_000);
  const part = new Uint8Array(100_000).subarray(1);
  const sent: Uint8Array[] = [];
  async function* messages(): AsyncGenerator<Uint8Array> {
    yield* [pooled, whole, part];
  }
  await new Outlet((some) => sent.push(...some)).run(messages());
  expect(sent.map((message) => message.buffer.byteLength)).toEqual([5, 100_000, 99_999]);
  // Only what fills its memory alone goes without a copy.
  expect(sent.map((message, index) => message.buffer === [pooled, whole, part][index]?.buffer)).toEqual([false, true, false]);
});
