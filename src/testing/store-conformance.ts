/**
 * What every `CheckpointStore` must do, as data: bound to no test runner. Layer 6.
 *
 *     for (const { title, run } of storeConformance) test(title, () => run(harness));
 */
import assert from 'node:assert/strict';
import { VStreamError, type ErrorCode } from '../errors.js';
import { Position } from '../position/position.js';
import type { CheckpointStore, Claim, ClaimResult } from '../stores/store.js';

export interface StoreHarness {
  /** A handle on the same records as every other handle of this harness; records of earlier cases may be there. */
  open(): Promise<CheckpointStore>;
  /** Lets this much time pass by the store's clock. */
  passTime(ms: number): Promise<void> | void;
}

export interface ConformanceCase {
  readonly title: string;
  run(harness: StoreHarness): Promise<void>;
}

const LEASE = 2_000;
const position = (transactions: number): Position =>
  new Position([{ keyspace: 'commerce', shard: '0', gtid: `MySQL56/00000000-0000-0000-0000-000000000001:1-${transactions}` }]);

let counter = 0;
/** Fresh names, so that cases need no clean store. */
const fresh = (): string => `conformance-${process.pid}-${Date.now()}-${(counter += 1)}`;

async function claimed(result: Promise<ClaimResult>): Promise<Claim> {
  const got = await result;
  assert.equal(got.claimed, true);
  assert.ok(got.claimed);
  return got.claim;
}

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(VStreamError.is(error), `not a VStreamError: ${String(error)}`);
    assert.equal(error.code, code);
    assert.ok((error.next ?? '').length > 0, 'the error names no next step');
    return true;
  });
}

export const storeConformance: readonly ConformanceCase[] = [
  {
    title: 'prepare is idempotent and a stream that never ran has no record',
    async run(harness) {
      const store = await harness.open();
      await store.prepare();
      await store.prepare();
      assert.equal(await store.read(fresh()), undefined);
    },
  },
  {
    title: 'the first claim makes a record with an incarnation, epoch 1 and a lease',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const result = await store.claim(name, 'a:1:x', LEASE);
      assert.ok(result.claimed);
      assert.equal(result.claim.epoch, 1n);
      assert.match(result.claim.incarnation, /^[0-9a-f-]{36}$/);
      const record = await store.read(name);
      assert.ok(record);
      assert.equal(record.owner, 'a:1:x');
      assert.equal(record.part, '');
      assert.equal(record.format, 1);
      assert.equal(record.position, undefined);
      assert.ok(record.leaseRemainingMs > 0 && record.leaseRemainingMs <= LEASE);
      assert.ok((await store.list()).some((one) => one.name === name));
    },
  },
  {
    title: 'a live lease keeps a second owner out and names the holder and the rest of the lease',
    async run(harness) {
      const [one, two] = [await harness.open(), await harness.open()];
      const name = fresh();
      await claimed(one.claim(name, 'a:1:x', LEASE));
      const refused = await two.claim(name, 'b:2:y', LEASE);
      assert.ok(!refused.claimed);
      assert.equal(refused.holder, 'a:1:x');
      assert.ok(refused.leaseRemainingMs > 0 && refused.leaseRemainingMs <= LEASE);
    },
  },
  {
    title: 'after the lease ended another owner takes over with a higher epoch and the same incarnation, and the first is fenced',
    async run(harness) {
      const [one, two] = [await harness.open(), await harness.open()];
      const name = fresh();
      const first = await claimed(one.claim(name, 'a:1:x', LEASE));
      await one.write(first, { position: position(5) }, LEASE);
      await harness.passTime(LEASE + 1);
      const second = await claimed(two.claim(name, 'b:2:y', LEASE));
      assert.equal(second.epoch, first.epoch + 1n);
      assert.equal(second.incarnation, first.incarnation);
      await rejects(one.write(first, { position: position(6) }, LEASE), 'FENCED');
      assert.ok((await two.read(name))?.position?.equals(position(5)));
    },
  },
  {
    title: 'an owner whose lease ended goes on as long as nobody else took the stream',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const claim = await claimed(store.claim(name, 'a:1:x', LEASE));
      await harness.passTime(LEASE + 1);
      await store.write(claim, { position: position(2) }, LEASE);
      const record = await store.read(name);
      assert.ok(record && record.leaseRemainingMs > 0);
    },
  },
  {
    title: 'of many who claim at once exactly one gets the stream',
    async run(harness) {
      const name = fresh();
      const stores = await Promise.all(Array.from({ length: 6 }, () => harness.open()));
      const results = await Promise.all(stores.map((store, index) => store.claim(name, `h:${index}:r`, LEASE)));
      const winners = results.filter((one) => one.claimed);
      assert.equal(winners.length, 1);
      const record = await must(stores).read(name);
      assert.ok(winners[0]?.claimed);
      assert.equal(record?.owner, winners[0].claim.owner);
    },
  },
  {
    title: 'claiming again by the same owner renews and raises the epoch',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const first = await claimed(store.claim(name, 'a:1:x', LEASE));
      const again = await claimed(store.claim(name, 'a:1:x', LEASE));
      assert.ok(again.epoch > first.epoch);
      await rejects(store.write(first, {}, LEASE), 'FENCED');
    },
  },
  {
    title: 'a write changes what it names, keeps the rest, clears on null and counts a beat even when nothing changes',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const claim = await claimed(store.claim(name, 'a:1:x', LEASE));
      const before = await store.read(name);
      await store.write(claim, { position: position(1), config: 'c1', lastError: '{"code":"STREAM_LOST"}' }, LEASE);
      await store.write(claim, {}, LEASE);
      await store.write(claim, {}, LEASE);
      const after = await store.read(name);
      assert.ok(before && after);
      assert.equal(after.beat, before.beat + 3n);
      assert.ok(after.position?.equals(position(1)));
      assert.equal(after.config, 'c1');
      assert.equal(after.lastError, '{"code":"STREAM_LOST"}');
      await store.write(claim, { lastError: null }, LEASE);
      const cleared = await store.read(name);
      assert.equal(cleared?.lastError, undefined);
      assert.ok(cleared?.position?.equals(position(1)));
    },
  },
  {
    title: 'text survives byte for byte: quotes, backslashes, line ends and characters beyond the basic plane',
    async run(harness) {
      const store = await harness.open();
      const name = `${fresh()} '"\\%_ ü 𝄞`;
      const claim = await claimed(store.claim(name, 'höst:1:x', LEASE));
      const text = '{"message":"it\'s \\"quoted\\" \\\\ \u0000 \n 𝄞 :name"}';
      await store.write(claim, { lastError: text }, LEASE);
      const record = await store.read(name);
      assert.equal(record?.lastError, text);
      assert.equal(record?.owner, 'höst:1:x');
      assert.equal(await store.read(name.toUpperCase()), undefined);
    },
  },
  {
    title: 'a position of 256 shards and many tables comes back equal',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const claim = await claimed(store.claim(name, 'a:1:x', LEASE));
      const shards = Array.from({ length: 256 }, (_, index) => ({
        keyspace: 'big',
        shard: `${index.toString(16)}-`,
        gtid: `MySQL56/${Array.from({ length: 5 }, (__, uuid) => `0000000${uuid}-0000-0000-0000-${String(index).padStart(12, '0')}:1-${index + 1}`).join(',')}`,
      }));
      const copy = Object.fromEntries(
        Array.from({ length: 500 }, (_, index) => [
          `table_${index}`,
          { state: 'done' as const, generation: 1, fingerprint: 'f'.repeat(32) },
        ]),
      );
      const large = Position.parse({ version: 1, shards, copy: { big: copy } });
      await store.write(claim, { position: large }, LEASE);
      assert.ok((await store.read(name))?.position?.equals(large));
    },
  },
  {
    title: 'parts of one stream are records of their own',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const one = await claimed(store.claim(name, 'a:1:x', LEASE, '-80'));
      const two = await claimed(store.claim(name, 'b:2:y', LEASE, '80-'));
      await store.write(one, { position: position(1) }, LEASE);
      await store.write(two, { position: position(2) }, LEASE);
      assert.ok((await store.read(name, '-80'))?.position?.equals(position(1)));
      assert.ok((await store.read(name, '80-'))?.position?.equals(position(2)));
      assert.equal(await store.read(name), undefined);
    },
  },
  {
    title: 'release frees the stream at once; releasing a lost stream is no error and changes nothing',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const first = await claimed(store.claim(name, 'a:1:x', LEASE));
      await store.release(first);
      const free = await store.read(name);
      assert.equal(free?.owner, undefined);
      assert.ok(free && free.leaseRemainingMs <= 0);
      await rejects(store.write(first, {}, LEASE), 'FENCED');
      const second = await claimed(store.claim(name, 'b:2:y', LEASE));
      await store.release(first);
      await store.write(second, {}, LEASE);
    },
  },
  {
    title: 'requests reach the owner at its next write, in order, until they have an outcome, which the operator can read',
    async run(harness) {
      const [owner, operator] = [await harness.open(), await harness.open()];
      const name = fresh();
      const claim = await claimed(owner.claim(name, 'a:1:x', LEASE));
      assert.deepEqual(await owner.write(claim, {}, LEASE), []);
      const [copy, pause] = [
        { id: 'r1', verb: 'copy', table: 'orders', where: 'id > 5' },
        { id: 'r2', verb: 'pause' },
      ] as const;
      await operator.request(name, copy);
      await operator.request(name, pause);
      await operator.request(name, pause);
      assert.deepEqual(await owner.write(claim, {}, LEASE), [copy, pause]);
      assert.deepEqual(await owner.write(claim, { request: { ...copy, outcome: 'done' } }, LEASE), [pause]);
      assert.deepEqual((await operator.read(name))?.requests, [{ ...copy, outcome: 'done' }, pause]);
    },
  },
  {
    title: 'the last of pause and resume counts: one that nobody took is superseded, and both can be told apart',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const claim = await claimed(store.claim(name, 'a:1:x', LEASE));
      const copy = { id: 'c', verb: 'copy', table: 'orders' } as const;
      await store.request(name, { id: 'p', verb: 'pause' });
      await store.request(name, copy);
      await store.request(name, { id: 'r', verb: 'resume' });
      assert.deepEqual(await store.write(claim, {}, LEASE), [copy, { id: 'r', verb: 'resume' }]);
      assert.match((await store.read(name))?.requests[0]?.outcome ?? '', /resume/);
    },
  },
  {
    title: 'outcomes and new requests at the same time: none is lost, and no outcome is taken back',
    async run(harness) {
      const [owner, ...operators] = await Promise.all(Array.from({ length: 5 }, () => harness.open()));
      assert.ok(owner);
      const name = fresh();
      const claim = await claimed(owner.claim(name, 'a:1:x', LEASE));
      const wish = (at: number, index: number) => ({ id: `${at} ${index}`, verb: 'copy', table: 'orders' }) as const;
      await owner.request(name, wish(0, 0));
      for (let at = 1; at <= 3; at++) {
        const [pending] = await owner.write(claim, {}, LEASE);
        assert.ok(pending);
        await Promise.all([
          owner.write(claim, { request: { ...pending, outcome: 'done' } }, LEASE),
          ...operators.map((store, index) => store.request(name, wish(at, index))),
        ]);
      }
      const { requests = [] } = (await owner.read(name)) ?? {};
      assert.deepEqual(requests.filter(({ outcome }) => outcome === 'done').length, 3);
      assert.equal(new Set(requests.map(({ id }) => id)).size, 13);
    },
  },
  {
    title: 'a stream that nobody runs keeps the requests that wait, up to a limit, and the last outcomes',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const claim = await claimed(store.claim(name, 'a:1:x', LEASE));
      await store.request(name, { id: 'pause', verb: 'pause', outcome: 'done' });
      for (let at = 0; at < 20; at++) await store.request(name, { id: `done ${at}`, verb: 'copy', table: 't', outcome: 'done' });
      const kept = (await store.read(name))?.requests ?? [];
      assert.equal(kept.at(-1)?.id, 'done 19');
      assert.equal(kept[0]?.verb, 'pause', 'the last pause is what a paused stream is known by');
      assert.ok(kept.length < 20);
      await store.release(claim);
      await assert.rejects(async () => {
        for (let at = 0; at < 100; at++) await store.request(name, { id: `new ${at}`, verb: 'copy', table: 't' });
      }, /wait/);
    },
  },
  {
    title: 'the outcome of an old request does not overwrite a newer request',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const claim = await claimed(store.claim(name, 'a:1:x', LEASE));
      await store.request(name, { id: 'old', verb: 'pause' });
      await store.request(name, { id: 'new', verb: 'resume' });
      const pending = await store.write(claim, { request: { id: 'old', verb: 'pause', outcome: 'paused' } }, LEASE);
      assert.deepEqual(pending, [{ id: 'new', verb: 'resume' }]);
    },
  },
  {
    title: 'a request to a stream without state is refused',
    async run(harness) {
      await rejects((await harness.open()).request(fresh(), { id: 'r', verb: 'pause' }), 'STATE_NOT_FOUND');
    },
  },
  {
    title: 'reset starts a new life: other incarnation, no position, and the late writer of the old life is fenced',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      const claim = await claimed(store.claim(name, 'a:1:x', LEASE));
      await store.write(claim, { position: position(7), config: 'c', lastError: 'e' }, LEASE);
      await rejects(store.reset(name, undefined), 'LEASE_HELD');
      await harness.passTime(LEASE + 1);
      await store.reset(name, undefined);
      const record = await store.read(name);
      assert.ok(record);
      assert.notEqual(record.incarnation, claim.incarnation);
      assert.deepEqual([record.position, record.config, record.lastError, record.owner], [undefined, undefined, undefined, undefined]);
      await rejects(store.write(claim, { position: position(8) }, LEASE), 'FENCED');
      const next = await claimed(store.claim(name, 'b:2:y', LEASE));
      assert.equal(next.incarnation, record.incarnation);
      assert.ok(next.epoch > claim.epoch);
    },
  },
  {
    title: 'reset to a position makes the record when there is none; forgetting needs one',
    async run(harness) {
      const store = await harness.open();
      const name = fresh();
      await rejects(store.reset(name, undefined), 'STATE_NOT_FOUND');
      await store.reset(name, position(9));
      assert.ok((await store.read(name))?.position?.equals(position(9)));
      const result = await store.claim(name, 'a:1:x', LEASE);
      assert.ok(result.claimed && result.record.position?.equals(position(9)));
    },
  },
];

function must(stores: readonly CheckpointStore[]): CheckpointStore {
  const first = stores[0];
  assert.ok(first);
  return first;
}
