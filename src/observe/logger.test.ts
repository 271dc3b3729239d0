import { afterEach, expect, test, vi } from 'vitest';
import { startEmbeddedVtgate } from '../embedded/index.js';
import { silentLogger, vstream } from '../index.js';
import { logLine, stderrLogger } from './logger.js';

afterEach(() => void vi.restoreAllMocks());

function written(): string[] {
  const lines: string[] = [];
  vi.spyOn(console, 'error').mockImplementation((line: unknown) => void lines.push(String(line)));
  return lines;
}

test('warnings and errors are a line each on stderr, with their coordinates; what goes well is not told', () => {
  const lines = written();
  stderrLogger.debug({}, 'a batch');
  stderrLogger.info({}, 'resuming');
  stderrLogger.warn({ code: 'STREAM_LOST', keyspace: 'shop', shard: '-80', waitMs: 512 }, 'the stream was interrupted; reconnecting');
  stderrLogger.error({}, 'it ended');
  expect(lines).toEqual([
    'vstream: warn: the stream was interrupted; reconnecting (code=STREAM_LOST keyspace=shop shard=-80 waitMs=512)',
    'vstream: error: it ended',
  ]);
});

test('a line stays one line of plain values, however long and broken they are', () => {
  const line = logLine({ message: 'first\r\n  second', rest: { any: 'thing' }, gone: undefined, position: 'u'.repeat(1_000) }, 'a\nb');
  expect(line).toMatch(/^a b \(message=first second position=u{299}…\)$/);
});

test('a stream without a logger tells the known limits it finds at its start, and one with a silent logger does not', async () => {
  const price = {
    columns: [
      { name: 'id', type: 'bigint', key: true },
      { name: 'amount', type: 'float' },
    ],
  };
  await using vtgate = await startEmbeddedVtgate({ keyspaces: { shop: { tables: { price } } } });
  const lines = written();
  const options = { source: { vtgate: vtgate.address, keyspace: 'shop' }, until: 'copied' } as const;
  for await (const _ of vstream({ ...options, logger: silentLogger }));
  expect(lines).toEqual([]);
  for await (const _ of vstream(options));
  expect(lines).toEqual([
    'vstream: warn: shop.price: amount is FLOAT: the server rounds copied values to 6 digits (B20) (keyspace=shop table=price version=1)',
  ]);
});
