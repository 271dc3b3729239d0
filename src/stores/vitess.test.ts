import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ManualClock, startEmbeddedVtgate, type EmbeddedVtgate } from '../embedded/index.js';
import { VStreamError } from '../errors.js';
import { must } from '../internal/must.js';
import { Position } from '../position/position.js';
import { requestState } from '../sql/state-table.js';
import { runStatement } from '../sql/statement.js';
import { storeConformance } from '../testing/store-conformance.js';
import { sqlError } from '../transport/failure.js';
import { createTransport } from '../transport/grpc.js';
import { serverStatus } from '../transport/status.js';
import type { Transport } from '../transport/transport.js';
import type { Claim } from './store.js';
import { vitessStore, type StoreTransport } from './vitess.js';

const clock = new ManualClock();
let vtgate: EmbeddedVtgate;
let transport: Transport;

beforeAll(async () => {
  vtgate = await startEmbeddedVtgate({
    clock,
    keyspaces: {
      vstream: {},
      sharded: { shards: ['-80', '80-'] },
      commerce: { tables: { product: { columns: [{ name: 'sku', type: 'bigint', key: true }] } } },
    },
  });
  transport = createTransport({ vtgate: vtgate.address });
});

afterAll(async () => {
  await transport.close();
  await vtgate.close();
});

const table = { keyspace: 'vstream', table: 'streams' };
const at = (n: number): Position =>
  new Position([{ keyspace: 'k', shard: '0', gtid: `MySQL56/00000000-0000-0000-0000-000000000001:1-${n}` }]);

describe('conformance', () => {
  const harness = {
    open: async () => {
      const store = vitessStore(transport, table);
      await store.prepare();
      return store;
    },
    passTime: (ms: number) => clock.advance(ms),
  };
  for (const { title, run } of storeConformance) test(title, () => run(harness));
});

test('a row of an earlier release, with a single request, is read, taken and added to', async () => {
  const store = vitessStore(transport, table);
  const result = await store.claim('old', 'a:1:x', 60_000);
  if (!result.claimed) throw new Error('not claimed');
  const row = must(await store.read('old'), 'a row');
  const single = { id: 'r1', verb: 'pause' } as const;
  expect(await runStatement(transport, requestState(table, row, single.id, JSON.stringify(single)))).toBe(1n);
  expect((await store.read('old'))?.requests).toEqual([single]);
  expect(await store.write(result.claim, {}, 60_000)).toEqual([single]);
  expect(await store.write(result.claim, { request: { ...single, outcome: 'done' } }, 60_000)).toEqual([]);
  await store.request('old', { id: 'r2', verb: 'copy', table: 'orders' });
  expect((await store.read('old'))?.requests.map(({ id, outcome }) => [id, outcome])).toEqual([
    ['r1', 'done'],
    ['r2', undefined],
  ]);
});

describe('an outcome that is not known', () => {
  type Fate = 'answered' | 'lost before' | 'lost after';

  /** A connection that breaks at chosen calls: before the statement reached the server, or after it was done. */
  function flaky(fates: readonly Fate[]): StoreTransport {
    let call = 0;
    return {
      address: 'flaky:1',
      async execute(statement, options) {
        const fate = fates[call] ?? 'answered';
        call += 1;
        const lost = new VStreamError('STREAM_LOST', 'VTGate flaky:1 ended the stream');
        if (fate === 'lost before') throw lost;
        const result = await transport.execute(statement, options);
        if (fate === 'lost after') throw lost;
        return result;
      },
    };
  }

  async function owned(name: string): Promise<Claim> {
    const result = await vitessStore(transport, table).claim(name, 'a:1:x', 60_000);
    if (!result.claimed) throw new Error('not claimed');
    return result.claim;
  }

  test('is never taken for a lost fence, and what was reported written is written, whatever breaks', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom<Fate>('answered', 'lost before', 'lost after'), { maxLength: 8 }), async (fates) => {
        const name = `flaky-${(run += 1)}`;
        const claim = await owned(name);
        const error: unknown = await vitessStore(flaky(fates), table)
          .write(claim, { position: at(run) }, 60_000)
          .then(
            () => undefined,
            (one: unknown) => one,
          );
        if (error === undefined) expect((await vitessStore(transport, table).read(name))?.position?.equals(at(run))).toBe(true);
        else expect(error).toMatchObject({ category: 'retry' });
      }),
      { numRuns: 30 },
    );
  });

  test('of a claim is read from the row: the caller knows whether it owns the stream', async () => {
    // select, insert, update
    const store = vitessStore(flaky(['answered', 'answered', 'lost after']), table);
    const result = await store.claim('claim-lost', 'a:1:x', 60_000);
    expect(result.claimed && result.claim.epoch).toBe(1n);
  });

  test('of a VTGate that is gone: the write goes through the next one', async () => {
    const claim = await owned('moves-on');
    const gone = await startEmbeddedVtgate({ keyspaces: {} });
    await gone.close();
    const two = createTransport({ vtgate: [gone.address, vtgate.address] });
    await vitessStore(two, table).write(claim, { position: at(3) }, 60_000);
    expect(two.address).toBe(vtgate.address);
    await two.close();
    expect((await vitessStore(transport, table).read('moves-on'))?.position?.equals(at(3))).toBe(true);
  });

  test('is fenced when the row shows another owner', async () => {
    const claim = await owned('fenced-meanwhile');
    clock.advance(60_001);
    await vitessStore(transport, table).claim('fenced-meanwhile', 'b:2:y', 60_000);
    await expect(vitessStore(flaky(['lost after']), table).write(claim, { position: at(1) }, 60_000)).rejects.toMatchObject({
      code: 'FENCED',
    });
  });
});

describe('trouble at start is one error with a next step', () => {
  test('names that cannot be names, before any contact', () => {
    const nowhere: StoreTransport = { address: 'nowhere:1', execute: () => Promise.reject(new Error('no contact wanted')) };
    for (const bad of ['', 'a'.repeat(65), 'a/b', 'a.b', 'a@b', 'tab\t', 'ends ', '𝄞']) {
      expect(() => vitessStore(nowhere, { keyspace: 'vstream', table: bad }), bad).toThrowError(
        expect.objectContaining({ code: 'STATE_KEYSPACE_INVALID', message: expect.stringContaining('state.table') }),
      );
      expect(() => vitessStore(nowhere, { keyspace: bad, table: 't' }), bad).toThrowError(
        expect.objectContaining({ code: 'STATE_KEYSPACE_INVALID' }),
      );
    }
    expect(() => vitessStore(nowhere, { keyspace: 'v-stream_1', table: 'x'.repeat(64) })).not.toThrow();
  });

  test('a sharded keyspace, with the ones to choose from', async () => {
    await expect(vitessStore(transport, { keyspace: 'sharded', table: 't' }).prepare()).rejects.toMatchObject({
      code: 'STATE_KEYSPACE_INVALID',
      message: 'the state keyspace sharded is sharded; the state needs one without shards',
      next: expect.stringMatching(/commerce.*vstream|vstream.*commerce/),
    });
  });

  test('a keyspace that does not exist', async () => {
    await expect(vitessStore(transport, { keyspace: 'nope', table: 't' }).prepare()).rejects.toMatchObject({
      code: 'STATE_KEYSPACE_INVALID',
      message: 'the state keyspace nope does not exist',
    });
  });

  function refusing(pattern: RegExp, code: number, text: string): StoreTransport {
    return {
      address: 'v:1',
      async execute(statement, options) {
        if (pattern.test(statement.text)) throw sqlError(serverStatus('sql', code, text), 'v:1', statement.target);
        return transport.execute(statement, options);
      },
    };
  }

  test('no right to create the table: the statement to run is given', async () => {
    const denied = refusing(/^create table/, 7, "CREATE command denied to user 'u'@'h' for table 'fresh' (errno 1142) (sqlstate 42000)");
    await expect(vitessStore(denied, { keyspace: 'vstream', table: 'fresh' }).prepare()).rejects.toMatchObject({
      code: 'STATE_FAILED',
      next: expect.stringMatching(/^Run as a user who may: create table if not exists `fresh` \(.*\)$/),
    });
  });

  test('no right to write is found before streaming, not at the first checkpoint', async () => {
    await vitessStore(transport, table).prepare();
    const denied = refusing(/^update/, 7, "Update command denied to user 'u', in groups [], for table 'streams' (ACL check error)");
    await expect(vitessStore(denied, table).prepare()).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      next: expect.stringContaining('select, insert and update on vstream.streams'),
    });
  });

  test('a server without `show vschema keyspaces`: shards are counted instead', async () => {
    const old = refusing(/^show vschema/, 3, 'syntax error at position 13');
    await expect(vitessStore(old, { keyspace: 'sharded', table: 't' }).prepare()).rejects.toMatchObject({ code: 'STATE_KEYSPACE_INVALID' });
    await vitessStore(old, table).prepare();
  });

  test('a record of a newer release is refused, not overwritten', async () => {
    const store = vitessStore(transport, table);
    await store.reset('from-the-future', at(1));
    await transport.execute({
      target: 'vstream@primary',
      text: 'update `streams` set beat = beat + 1, epoch = epoch + 1, owner = null, lease_until = null, format = :format, incarnation = :incarnation, position = :position, config = null, last_error = null, request_id = null, request = null, updated_at = utc_timestamp(6) where name = :name and part = :part and (owner is null or lease_until is null or lease_until <= utc_timestamp(6))',
      binds: { format: 2, incarnation: 'i', position: null, name: 'from-the-future', part: '' },
    });
    await expect(store.read('from-the-future')).rejects.toMatchObject({
      code: 'STATE_FAILED',
      message: expect.stringContaining('newer release'),
    });
    await expect(store.claim('from-the-future', 'a:1:x', 1_000)).rejects.toMatchObject({ code: 'STATE_FAILED' });
  });

  test('a table that is not there (yet, or any more) is told as that, not as an error of SQL', async () => {
    const store = vitessStore(transport, { keyspace: 'vstream', table: 'never_made' });
    await expect(store.read('s')).rejects.toMatchObject({ code: 'STATE_NOT_FOUND', message: expect.stringContaining('no state table') });
    expect(store.description).toContain('vstream.never_made on ');
  });
});

test('the embedded VTGate knows every statement of the store', () => {
  expect(vtgate.unexpectedStatements).toEqual([]);
});
