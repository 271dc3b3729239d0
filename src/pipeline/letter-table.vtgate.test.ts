/** Dead letters in a table of a real Vitess: `VSTREAM_TEST_VTGATE=host:port`, keyspaces `vstream` (unsharded), `sharded` and `commerce`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../internal/clock.js';
import { must } from '../internal/must.js';
import { silentLogger } from '../observe/logger.js';
import { createTransport } from '../transport/grpc.js';
import type { DeadLetter } from './dead-letter.js';
import type { LetterBox } from './letter-box.js';
import { TableLetterBox } from './letter-table.js';

const vtgate = process.env['VSTREAM_TEST_VTGATE'];

describe.skipIf(vtgate === undefined)('a table of dead letters on a real Vitess', () => {
  const table = `letters_box_${process.pid}`;
  const open: LetterBox[] = [];
  const boxOf = (keyspace: string, name: string): LetterBox => {
    const transport = createTransport({ vtgate: must(vtgate, 'VSTREAM_TEST_VTGATE') });
    const options = { clock: systemClock, random: () => 0.5, signal: new AbortController().signal };
    const box = new TableLetterBox({ keyspace, table: name }, transport, { logger: silentLogger }, options);
    open.push(box);
    return box;
  };
  let box: LetterBox;
  beforeAll(async () => {
    box = boxOf('vstream', table);
    await box.prepare();
    await box.prepare();
  });
  afterAll(async () => {
    for (const one of open) await one.close();
    const transport = createTransport({ vtgate: must(vtgate, 'VSTREAM_TEST_VTGATE') });
    await transport.execute({ target: 'vstream@primary', text: `drop table if exists ${table}` });
    await transport.close();
  });

  const letter = (id: string, after = Buffer.from('row')): DeadLetter => ({
    id,
    time: '2026-01-01T00:00:00.000Z',
    stream: 's',
    incarnation: 'i',
    keyspace: 'shop',
    shard: '-80',
    table: 'orders',
    op: 'update',
    reason: { code: 'DECODE_FAILED', message: "no \\ 'ü' 𝄞", column: 'note' },
    gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:5',
    ordinal: 3,
    generation: 2,
    reshards: 1,
    transactions: '9007199254740993',
    commitTime: 1_700_000_000,
    phase: 'live',
    position: { version: 1, shards: [] },
    before: Buffer.from([0, 39, 92, 255]).toString('base64'),
    after: after.toString('base64'),
    dataColumns: { count: 3, bits: 'BQ==' },
    field: Buffer.from('field').toString('base64'),
    rowImage: 'NOBLOB',
  });

  test('gives a letter back as it was stored, once, until it is settled and removed', async () => {
    await box.append([letter('a'), letter('b')]);
    await box.append([letter('b'), letter('c')]);
    const { letters } = await box.list();
    expect(letters.map(({ head }) => head.id)).toEqual(['a', 'b', 'c']);
    const { head } = must(letters[0], 'a letter');
    const { time, ...rest } = await box.read(head);
    const { time: _time, ...stored } = letter('a');
    expect(rest).toEqual(stored);
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    await box.settle(head, 'replayed');
    await box.append([letter('a')]);
    expect((await box.list()).letters[0]).toMatchObject({ head: { id: 'a' }, done: { how: 'replayed' } });
    await box.remove(head);
    expect((await box.list()).letters.map((one) => one.head.id)).toEqual(['b', 'c']);
  });

  test('takes a row of 14 MiB, and says what is too much before it is sent', async () => {
    await box.append([letter('large', Buffer.alloc(14 << 20, 0x27))]);
    const { letters } = await box.list();
    const { head } = must(
      letters.find((one) => one.head.id === 'large'),
      'the large letter',
    );
    expect(Buffer.from((await box.read(head)).after ?? '', 'base64')).toHaveLength(14 << 20);
    await expect(box.append([letter('larger', Buffer.alloc(16 << 20))])).rejects.toThrow('16.0 MiB');
  });

  test.each([
    ['a sharded keyspace', 'sharded', table, { code: 'CONFIG_INVALID', next: expect.stringContaining('vstream') as string }],
    ['a keyspace that is not there', 'nowhere', table, { code: 'KEYSPACE_NOT_FOUND' }],
    ['a table of something else', 'commerce', 'product', { code: 'SINK_FAILED', next: expect.stringContaining('another name') as string }],
  ])('refuses %s', async (_, keyspace, name, error) => {
    await expect(boxOf(keyspace, name).prepare()).rejects.toMatchObject(error);
  });
});
