import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { create } from '@bufbuild/protobuf';
import { VStreamError } from '../errors.js';
import { QueryResultSchema, type QueryResult } from '../wire/gen/query_pb.js';
import type { Executor } from '../sql/statement.js';
import { sqlError } from '../transport/failure.js';
import { serverStatus } from '../transport/status.js';
import { judgePosition, positionError, type PositionEvidence, type PositionVerdict, type TabletAnswer } from './positions.js';
import { probePositions } from './probe.js';

const A = 'aaaaaaaa-0000-0000-0000-000000000001';
const B = 'bbbbbbbb-0000-0000-0000-000000000002';
const C = 'cccccccc-0000-0000-0000-000000000003';
const tablet = (purged: string, executed: string): TabletAnswer => ({ purged, executed });
const both = (answer: TabletAnswer): PositionEvidence => ({ shardExists: true, streamed: answer, primary: answer });

describe('judging a position', () => {
  test.each<[string, string, PositionEvidence, PositionVerdict]>([
    ['inside the binary logs is usable', `MySQL56/${A}:1-50`, both(tablet(`${A}:1-10`, `${A}:1-100`)), { verdict: 'ok' }],
    ['exactly at the purge is usable', `MySQL56/${A}:1-10`, both(tablet(`${A}:1-10`, `${A}:1-100`)), { verdict: 'ok' }],
    [
      'before the purge is purged, with the missing range',
      `MySQL56/${A}:1-5`,
      both(tablet(`${A}:1-10`, `${A}:1-100`)),
      { verdict: 'purged', missing: `${A}:6-10`, onPrimary: false },
    ],
    [
      'without an older server that is purged is purged',
      `MySQL56/${A}:1-50`,
      both(tablet(`${A}:1-10,${B}:1-3`, `${A}:1-100,${B}:1-3`)),
      { verdict: 'purged', missing: `${B}:1-3`, onPrimary: false },
    ],
    // A replica restored from a backup has no older binary logs, the primary has.
    [
      'purged on the replica alone says so',
      `MySQL56/${A}:1-5`,
      { shardExists: true, streamed: tablet(`${A}:1-10`, `${A}:1-100`), primary: tablet('', `${A}:1-100`) },
      { verdict: 'purged', missing: `${A}:6-10`, onPrimary: true },
    ],
    [
      'ahead of the replica alone is lag',
      `MySQL56/${A}:1-50`,
      { shardExists: true, streamed: tablet('', `${A}:1-40`), primary: tablet('', `${A}:1-60`) },
      { verdict: 'ok', behind: `${A}:41-50` },
    ],
    [
      'ahead of the primary is ahead',
      `MySQL56/${A}:1-100266`,
      both(tablet('', `${A}:1-266`)),
      { verdict: 'ahead', ahead: `${A}:267-100266` },
    ],
    ['of another server is foreign', `MySQL56/${C}:1-5`, both(tablet('', `${A}:1-266`)), { verdict: 'foreign', ahead: `${C}:1-5` }],
    [
      'with another server added is foreign',
      `MySQL56/${A}:1-266,${C}:1-5`,
      both(tablet('', `${A}:1-266`)),
      { verdict: 'foreign', ahead: `${C}:1-5` },
    ],
    [
      'of another cluster is foreign rather than purged',
      `MySQL56/${C}:1-5`,
      both(tablet(`${A}:1-9`, `${A}:1-266`)),
      { verdict: 'foreign', ahead: `${C}:1-5` },
    ],
    [
      'ahead of a replica when the primary cannot be asked proves nothing',
      `MySQL56/${A}:1-50`,
      { shardExists: true, streamed: tablet('', `${A}:1-40`), primary: undefined },
      { verdict: 'ok', behind: `${A}:41-50` },
    ],
    [
      'nobody can be asked about is unknown',
      `MySQL56/${A}:1-50`,
      { shardExists: true, streamed: undefined, primary: undefined },
      { verdict: 'unknown' },
    ],
    [
      'of a shard that is gone is told as that',
      `MySQL56/${A}:1-50`,
      { shardExists: false, streamed: undefined, primary: undefined },
      { verdict: 'unknown-shard' },
    ],
    ['that is garbage is undecodable', 'garbage', both(tablet('', `${A}:1`)), { verdict: 'undecodable' }],
    ['without its flavour is undecodable, as for the server', `${A}:1-5`, both(tablet('', `${A}:1-9`)), { verdict: 'undecodable' }],
    ['that asks for a copy is usable (G31)', '', both(tablet(`${A}:1-10`, `${A}:1-100`)), { verdict: 'ok' }],
    ['that asks for now is usable', 'current', both(tablet(`${A}:1-10`, `${A}:1-100`)), { verdict: 'ok' }],
    [
      'in upper case and with line breaks in the answer is read all the same',
      `MySQL56/${A.toUpperCase()}:1-50`,
      both(tablet(`${A}:1-10,\n${B}:1-2`, `${A}:1-100,\n${B}:1-2`)),
      { verdict: 'purged', missing: `${B}:1-2`, onPrimary: false },
    ],
  ])('a position %s', (_claim, gtid, evidence, verdict) => {
    expect(judgePosition(gtid, evidence)).toEqual(verdict);
  });

  test('a position is usable on a server exactly when purged ⊆ position ⊆ executed (protocol.md E.4)', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(50), (a, b, c) => {
        const [purged, executed] = [Math.min(a, b), Math.max(a, b)];
        const set = (to: number): string => (to === 0 ? '' : `${A}:1-${to}`);
        if (c === 0) return true;
        const { verdict } = judgePosition(`MySQL56/${set(c)}`, both(tablet(set(purged), set(executed))));
        return (verdict === 'ok') === (purged <= c && c <= executed);
      }),
    );
  });

  test('each verdict that stops a stream is an error with place, range and next step; the others are none', () => {
    const shard = { keyspace: 'commerce', shard: '-80', gtid: `MySQL56/${A}:1-5` };
    const error = (verdict: PositionVerdict): VStreamError | undefined => positionError(verdict, shard);
    expect(error({ verdict: 'ok' })).toBeUndefined();
    expect(error({ verdict: 'unknown' })).toBeUndefined();
    expect(error({ verdict: 'purged', missing: `${A}:6-10`, onPrimary: false })).toMatchObject({
      code: 'POSITION_PURGED',
      category: 'position',
      keyspace: 'commerce',
      shard: '-80',
      message: expect.stringContaining(`${A}:6-10`),
    });
    expect(error({ verdict: 'purged', missing: `${A}:6`, onPrimary: true })?.next).toContain('primary');
    expect(error({ verdict: 'ahead', ahead: `${A}:6` })?.code).toBe('POSITION_AHEAD');
    expect(error({ verdict: 'foreign', ahead: `${C}:6` })?.code).toBe('POSITION_FOREIGN');
    expect(error({ verdict: 'unknown-shard' })?.code).toBe('SHARD_NOT_FOUND');
    expect(error({ verdict: 'undecodable' })?.code).toBe('POSITION_INVALID');
  });
});

describe('asking', () => {
  const answer = (...rows: readonly (readonly string[])[]): QueryResult =>
    create(QueryResultSchema, {
      rows: rows.map((row) => ({ lengths: row.map((cell) => BigInt(Buffer.byteLength(cell))), values: Buffer.from(row.join('')) })),
    });

  function cluster(gtids: (target: string) => readonly string[] | VStreamError): Executor & { asked: string[] } {
    const asked: string[] = [];
    return {
      asked,
      async execute({ target, text }) {
        asked.push(target);
        if (text === 'show vitess_shards') return answer(['k/-80'], ['k/80-']);
        const got = gtids(target);
        if (VStreamError.is(got)) throw got;
        return answer(got);
      },
    };
  }

  const shard = (name: string, to: number): { keyspace: string; shard: string; gtid: string } => ({
    keyspace: 'k',
    shard: name,
    gtid: `MySQL56/${A}:1-${to}`,
  });

  test('reaches the streamed type and the primary of each shard', async () => {
    const executor = cluster((target) => (target.endsWith('@primary') ? [`${A}:1-3`, `${A}:1-90`] : [`${A}:1-3`, `${A}:1-70`]));
    const verdicts = await probePositions(executor, [shard('-80', 80), shard('80-', 2), shard('0', 2)], 'replica');
    expect(verdicts.map(({ verdict }) => verdict.verdict)).toEqual(['ok', 'purged', 'unknown-shard']);
    expect(executor.asked.sort()).toEqual(['@replica', 'k/-80@primary', 'k/-80@replica', 'k/80-@primary', 'k/80-@replica']);
  });

  test('a refused statement makes the answer unknown; a lost connection is thrown', async () => {
    const denied = sqlError(serverStatus('sql', 7, 'denied'), 'v:1', 'k');
    expect(
      (
        await probePositions(
          cluster(() => denied),
          [shard('-80', 1)],
          'replica',
        )
      ).map(({ verdict }) => verdict.verdict),
    ).toEqual(['unknown']);
    const lost = new VStreamError('CONNECT_FAILED', 'gone');
    await expect(
      probePositions(
        cluster(() => lost),
        [shard('-80', 1)],
        'replica',
      ),
    ).rejects.toBe(lost);
  });
});
