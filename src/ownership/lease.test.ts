import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHeld, leaseTimes, standbyWait, waitingMessage } from './lease.js';

describe('lease times', () => {
  test('a lease is renewed at a third, so that two renewals may fail', () => {
    expect(leaseTimes(30_000)).toEqual({ leaseMs: 30_000, renewMs: 10_000 });
  });

  test('state in a streamed keyspace is written at most twice a minute by renewals, for every lease', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_600_000 }), (wanted) => {
        const { leaseMs, renewMs } = leaseTimes(wanted, true);
        return 60_000 / renewMs <= 2 && leaseMs >= 3 * renewMs - 1e-6 && leaseMs >= wanted;
      }),
    );
  });

  test('a lease too short to be kept is made longer', () => {
    expect(leaseTimes(1).leaseMs).toBe(1_000);
  });
});

test('the owner counts from before it sent the renewal: it stops before the store can let another in', () => {
  fc.assert(
    fc.property(fc.nat(60_000), fc.nat(60_000), fc.integer({ min: 1_000, max: 90_000 }), fc.nat(200_000), (sent, network, lease, later) => {
      // The store starts counting when the request arrives, `network` after it was sent.
      const storeLetsOthersIn = sent + network + lease;
      const now = sent + later;
      return !(isHeld({ monotonic: sent, wall: sent }, lease, { monotonic: now, wall: now }) && now >= storeLetsOthersIn);
    }),
  );
});

test('the clock that went further counts: the monotonic one stands still in a suspended machine, the wall clock can be set back', () => {
  const sent = { monotonic: 5_000, wall: 1_000_000 };
  const held = (monotonic: number, wall: number): boolean =>
    isHeld(sent, 30_000, { monotonic: sent.monotonic + monotonic, wall: sent.wall + wall });
  expect([held(29_999, 29_999), held(1_000, 30_000), held(30_000, -3_600_000), held(10_000, -3_600_000)]).toEqual([
    true,
    false,
    false,
    true,
  ]);
});

describe('standby', () => {
  test('says whom it waits for and until when', () => {
    expect(waitingMessage('db-7:4242:9f3c', 11_400)).toBe('waiting for db-7:4242, lease ends in 12 s');
    expect(waitingMessage('fe80::1:4242:9f3c', -5)).toBe('waiting for fe80::1:4242, lease ends in 0 s');
  });

  test('looks again at the end of the lease, and every 2 s to see a release, never in a busy loop', () => {
    expect([standbyWait(60_000), standbyWait(700), standbyWait(0), standbyWait(-10)]).toEqual([2_000, 700, 100, 100]);
  });
});
