import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHeldUp, judgeShard, remedy, verdictLimits, type ShardSigns, type StreamSigns, type Verdict } from './verdict.js';

const limits = verdictLimits(5_000);
const NOW = 10_000_000;
const ago = (seconds: number): number => NOW - seconds * 1_000;

const signs = (stream: Partial<StreamSigns>, shard: Partial<ShardSigns>): [StreamSigns, ShardSigns] => [
  {
    now: NOW,
    openedAt: ago(3_600),
    lastMessageAt: ago(1),
    away: () => 0,
    blockedUntil: undefined,
    ...stream,
  },
  { phase: 'stream', lastProgressAt: undefined, lastHeartbeatAt: undefined, ...shard },
];

const judge = (stream: Partial<StreamSigns>, shard: Partial<ShardSigns>): Verdict => judgeShard(...signs(stream, shard), limits);

const nothingMissing = { missing: 0n, missingSince: undefined };
const missingFor = (seconds: number): NonNullable<ShardSigns['executed']> => ({ missing: 3n, missingSince: ago(seconds) });

describe('a shard', () => {
  test.each<[string, Partial<StreamSigns>, Partial<ShardSigns>, Verdict['name']]>([
    ['is live when its position just moved', {}, { lastProgressAt: ago(2), executed: nothingMissing }, 'live'],
    [
      'is idle after an hour without changes, with VTGate heartbeats alone',
      {},
      { lastProgressAt: ago(3_500), executed: nothingMissing },
      'idle',
    ],
    ['is idle when the server cannot be asked and VTGate is alive', {}, { lastProgressAt: ago(3_500) }, 'idle'],
    ['is live while something is missing for a moment', {}, { lastProgressAt: ago(30), executed: missingFor(3) }, 'live'],
    ['lags while it moves and stays behind', {}, { lastProgressAt: ago(1), executed: missingFor(600) }, 'lagging'],
    // A purged, foreign or ahead position: VTGate heartbeats, and nothing else for ever (measured.md section 4).
    ['stalls when it is behind and does not move', {}, { lastProgressAt: ago(61), executed: missingFor(61) }, 'stalled'],
    ['stalls when it never moved at all', {}, { executed: missingFor(61) }, 'stalled'],
    [
      'does not stall when it was behind long ago and something new is missing since now',
      {},
      { lastProgressAt: ago(900), executed: missingFor(5) },
      'live',
    ],
    ['stalls when VTGate itself is silent', { lastMessageAt: ago(16) }, { executed: nothingMissing }, 'stalled'],
    ['does not stall right after the RPC was opened', { openedAt: ago(3), lastMessageAt: undefined }, {}, 'idle'],
    // One dead shard among live ones: VTGate heartbeats mask it (G135).
    [
      'stalls when its keyspace heartbeats stop, though VTGate beats',
      {},
      { lastHeartbeatAt: ago(31), lastProgressAt: ago(31), executed: nothingMissing },
      'stalled',
    ],
    [
      'is live while changes arrive, though its keyspace heartbeats stopped',
      {},
      { lastHeartbeatAt: ago(31), lastProgressAt: ago(1), executed: nothingMissing },
      'live',
    ],
    ['is idle with keyspace heartbeats alone', {}, { lastHeartbeatAt: ago(1), lastProgressAt: ago(600) }, 'idle'],
    [
      'lags while its replica is behind the primary',
      {},
      { lastProgressAt: ago(30), executed: nothingMissing, primary: missingFor(30) },
      'lagging',
    ],
    [
      'is no less idle for a transaction on its way to the replica',
      {},
      { lastProgressAt: ago(30), executed: nothingMissing, primary: missingFor(3) },
      'idle',
    ],
    [
      'stalls when its replica does not follow the primary',
      {},
      { lastProgressAt: ago(61), executed: nothingMissing, primary: missingFor(61) },
      'stalled',
    ],
    ['is throttled when the tablet says so', {}, { lastProgressAt: ago(300), throttledAt: ago(1), executed: missingFor(300) }, 'throttled'],
    ['is past the throttling once it moved again', {}, { lastProgressAt: ago(1), throttledAt: ago(30), executed: missingFor(3) }, 'live'],
    ['is ended when its stream is', { lastMessageAt: ago(900) }, { phase: 'ended' }, 'ended'],
  ])('%s', (_claim, stream, shard, name) => {
    expect(judge(stream, shard).name).toBe(name);
  });

  test('names the cause of a stall and for how long', () => {
    expect(judge({ lastMessageAt: ago(20) }, {})).toEqual({ name: 'stalled', cause: 'vtgate-silent', silentMs: 20_000 });
    expect(judge({}, { lastHeartbeatAt: ago(40) })).toEqual({ name: 'stalled', cause: 'heartbeat-stopped', silentMs: 40_000 });
    expect(judge({}, { executed: missingFor(90) })).toEqual({ name: 'stalled', cause: 'no-progress', silentMs: 90_000 });
  });
});

describe('in a copy', () => {
  const copying = { phase: 'copy' as const };
  test('progress is rows, last keys and table ends, and ten minutes of silence are allowed', () => {
    expect(judge({}, { ...copying, lastProgressAt: ago(599) }).name).toBe('live');
    expect(judge({}, { ...copying, lastProgressAt: ago(601) })).toMatchObject({ name: 'stalled', cause: 'copy-silent' });
  });

  test('what the shard executed meanwhile is no lag: binary log events wait for the table (G62)', () => {
    expect(judge({}, { ...copying, lastProgressAt: ago(300), executed: missingFor(300) }).name).toBe('live');
  });

  test('VTGate must beat all the same', () => {
    expect(judge({ lastMessageAt: ago(20) }, { ...copying, lastProgressAt: ago(20) })).toMatchObject({
      name: 'stalled',
      cause: 'vtgate-silent',
    });
  });
});

test.each<[string, Partial<StreamSigns>, Partial<ShardSigns>, boolean]>([
  ['that is behind and does not move is held up', {}, { lastProgressAt: ago(11), executed: missingFor(11) }, true],
  ['whose replica does not follow is held up', {}, { lastProgressAt: ago(11), executed: nothingMissing, primary: missingFor(5) }, true],
  ['that has all there is is not', {}, { lastProgressAt: ago(600), executed: nothingMissing }, false],
  ['that moves is not, however far behind', {}, { lastProgressAt: ago(2), executed: missingFor(600) }, false],
  ['whose heartbeat rows stopped is held up', {}, { lastProgressAt: ago(600), lastHeartbeatAt: ago(11) }, true],
  ['whose heartbeat rows come is not', {}, { lastProgressAt: ago(600), lastHeartbeatAt: ago(1) }, false],
  ['whose copy brings nothing is held up', {}, { phase: 'copy', lastProgressAt: ago(11) }, true],
  ['is not right after the sink let go', { away: () => 59_000 }, { lastProgressAt: ago(60), executed: missingFor(60) }, false],
  [
    'that moves nothing while the sink takes half of the time is held up',
    { away: () => 30_000 },
    { phase: 'copy', lastProgressAt: ago(60) },
    true,
  ],
  ['that ended is not', {}, { phase: 'ended', executed: missingFor(60) }, false],
])('a shard %s: the servers are asked why only then', (_, stream, shard, expected) => {
  expect(isHeldUp(...signs(stream, shard), limits)).toBe(expected);
});

describe('no false alarm', () => {
  test('of silence in which the sink held the reading back, however long', () => {
    fc.assert(
      fc.property(
        fc.nat(7_200),
        fc.nat(7_200),
        fc.nat(7_200),
        fc.constantFrom('copy' as const, 'stream' as const),
        (message, progress, missing, phase) => {
          const verdict = judge(
            { away: (since) => NOW - since - 1_000, lastMessageAt: ago(message) },
            { phase, lastProgressAt: ago(progress), lastHeartbeatAt: ago(progress), executed: missingFor(missing) },
          );
          return verdict.name === 'lagging' || verdict.name === 'live';
        },
      ),
    );
  });

  test('right after the sink let go, or the event loop was blocked: silence counts from there', () => {
    const silent = { lastMessageAt: ago(300) };
    const stuck = { lastProgressAt: ago(300), lastHeartbeatAt: ago(300), executed: missingFor(300) };
    expect(judge(silent, stuck).name).toBe('stalled');
    expect(judge({ ...silent, away: (since) => NOW - since - 5_000 }, stuck).name).toBe('lagging');
    expect(judge({ ...silent, blockedUntil: ago(5) }, stuck)).toEqual({ name: 'lagging', behind: 'event-loop' });
    expect(judge({ ...silent, blockedUntil: ago(16) }, stuck).name).toBe('stalled');
  });

  test('of a healthy idle stream, for as long as it is idle', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (idle) => {
        const verdict = judge({ openedAt: 0 }, { lastProgressAt: NOW - idle, executed: nothingMissing });
        return verdict.name === 'idle' || verdict.name === 'live';
      }),
    );
  });
});

test('a stall is answered by a restart, then by other VTGates, then by a report: never by endless restarts', () => {
  expect([1, 2, 3, 4, 5, 6, 100].map((stalls) => remedy(stalls))).toEqual([
    'restart',
    'move',
    'move',
    'move',
    'report',
    'report',
    'report',
  ]);
});
