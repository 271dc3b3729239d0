/** A table of dead letters through outages: a letter is stored once, and a stream does not end of a restart of the database. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../embedded/index.js';
import { VStreamError } from '../errors.js';
import { silentLogger } from '../observe/logger.js';
import { createTransport } from '../transport/grpc.js';
import type { Transport } from '../transport/transport.js';
import type { DeadLetter } from './dead-letter.js';
import { TableLetterBox } from './letter-table.js';

const AT = { keyspace: 'vstream', table: 'bad_rows' };
let vtgate: EmbeddedVtgate;
beforeAll(async () => void (vtgate = await startEmbeddedVtgate({ keyspaces: { vstream: {} } })));
afterAll(() => vtgate.close());

function letter(id: string, more: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id,
    time: '2026-01-01T00:00:00.000Z',
    stream: 's',
    incarnation: 'i',
    keyspace: 'shop',
    shard: '0',
    table: 'orders',
    op: 'insert',
    reason: { code: 'DECODE_FAILED', message: 'no' },
    gtid: 'u:1',
    ordinal: 0,
    generation: 1,
    reshards: 0,
    transactions: '1',
    phase: 'live',
    position: null,
    after: Buffer.from('row').toString('base64'),
    field: Buffer.from('field').toString('base64'),
    ...more,
  };
}

class Calls {
  readonly clock = new ManualClock();
  readonly abort = new AbortController();
  rotations = 0;
  statements = 0;

  /** Lets each wait pass as it begins, until the work is done. */
  async pass(work: Promise<void>): Promise<void> {
    const over = work.then(
      () => true,
      () => true,
    );
    const turn = (): Promise<false> => new Promise((resolve) => setImmediate(resolve, false));
    while (!(await Promise.race([over, turn()]))) {
      const [wait] = this.clock.pending;
      if (wait !== undefined) await this.clock.advance(wait);
    }
    await work;
  }

  /** `answer`: what becomes of the n-th insert, from 1: sent to the server or not, and then perhaps an error. */
  box(answer: (insert: number) => { readonly sends: boolean; readonly error?: VStreamError }): TableLetterBox {
    const inner = createTransport({ vtgate: vtgate.address });
    let inserts = 0;
    const transport: Transport = {
      address: inner.address,
      open: (...call) => inner.open(...call),
      execute: async (call, options) => {
        const { sends, error } = call.text.startsWith('insert') ? answer(++inserts) : { sends: true, error: undefined };
        if (call.text.startsWith('insert')) this.statements++;
        const result = sends ? await inner.execute(call, options) : undefined;
        if (error || !result) throw error ?? new Error('not sent');
        return result;
      },
      rotate: () => String(++this.rotations),
      close: () => inner.close(),
    };
    return new TableLetterBox(AT, transport, { logger: silentLogger }, { clock: this.clock, random: () => 0.5, signal: this.abort.signal });
  }
}

const away = new VStreamError('CONNECT_FAILED', 'VTGate is away');
const count = (stream: string): number => vtgate.engine.rows('vstream', 'bad_rows').filter((row) => row['stream'] === stream).length;

describe('a letter for a table', () => {
  test('waits for a VTGate that is away, through the next one, and is stored once though an answer was lost', async () => {
    const calls = new Calls();
    const box = calls.box((insert) => ({ sends: insert > 1, ...(insert < 4 ? { error: away } : {}) }));
    await box.prepare();
    const stored = box.append([letter('a'), letter('b')]);
    await calls.pass(stored);
    expect([calls.statements, calls.rotations, count('s')]).toEqual([4, 3, 2]);
    await box.close();
  });

  test('ends the stream when that takes longer than ten minutes, and at once when it is stopped or refused', async () => {
    const calls = new Calls();
    const box = calls.box(() => ({ sends: false, error: away }));
    const stored = box.append([letter('c', { stream: 'long' })]);
    const failed = expect(stored).rejects.toBe(away);
    await calls.clock.advance(700_000);
    await failed;
    calls.abort.abort();
    await expect(box.append([letter('c', { stream: 'long' })])).rejects.toBe(away);
    await box.close();
    const refusing = new Calls().box(() => ({ sends: false, error: new VStreamError('PERMISSION_DENIED', 'no') }));
    await expect(refusing.append([letter('c', { stream: 'long' })])).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await refusing.close();
    expect(count('long')).toBe(0);
  });

  test('goes with others in one statement, within limits of rows and bytes', async () => {
    const calls = new Calls();
    const box = calls.box(() => ({ sends: true }));
    await box.append(Array.from({ length: 120 }, (_, at) => letter(`n${at}`, { stream: 'many' })));
    expect([calls.statements, count('many')]).toEqual([3, 120]);
    const after = Buffer.alloc(600_000, 'x').toString('base64');
    await box.append([1, 2, 3].map((at) => letter(`l${at}`, { stream: 'large', after })));
    expect([calls.statements, count('large')]).toEqual([6, 3]);
    expect((await box.list()).letters.filter(({ head }) => head.stream === 'many')).toHaveLength(120);
    await box.close();
  });
});
