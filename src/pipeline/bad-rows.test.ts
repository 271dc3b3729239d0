/** Rows a filter cannot judge, from the message to the policy. No server sends such rows; they stand for whatever a client cannot read. */
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { catalogOf, grouperOf } from '../../test/support/stream-fixture.js';
import { response, ShardEvents } from '../../test/support/wire-events.js';
import { silentLogger } from '../observe/logger.js';
import { CopyPlan } from '../position/plan.js';
import { Position } from '../position/position.js';
import { Assembler } from '../stream/assembler.js';
import { asBatch, type StreamBatch } from '../stream/batch.js';
import { Gaps } from '../stream/gaps.js';
import { BadRows, type BadRowsOptions } from './bad-rows.js';
import type { DeadLetter } from './dead-letter.js';
import type { LetterBox } from './letter-box.js';
import { rowsRefused } from './sink.js';

const source = new ShardEvents('-80');
const GTID = 'MySQL56/16b1039f-22b6-11ed-b765-0a43f95f28a3:8';
const SET = 'MySQL56/16b1039f-22b6-11ed-b765-0a43f95f28a3:1-8';
const BEFORE = new Position(
  [{ keyspace: 'commerce', shard: '-80', gtid: 'MySQL56/16b1039f-22b6-11ed-b765-0a43f95f28a3:1-7' }],
  CopyPlan.empty,
);

/** One transaction under `where id > 5`: a change that leaves the filter, one nobody can judge, and one that it drops. */
function batchOf(keepsUnjudged: boolean): StreamBatch {
  const catalog = catalogOf({ whereOf: () => 'id > 5' });
  const assembler = new Assembler(BEFORE, { batchBytes: 1 << 20, batchChanges: 100, keepsUnjudged });
  const rows = [{ before: ['6', 'x'], after: ['1', 'x'] }, { before: ['7', 'x'], after: ['not a number', 'x'] }, { after: ['3', 'x'] }];
  const units = grouperOf(['-80'], { catalog }).push(
    response(
      source.begin(9, GTID),
      source.field('t', 9),
      source.row('t', rows, 9),
      source.vgtid([{ shard: '-80', gtid: SET }]),
      source.commit(9, GTID),
    ),
  );
  for (const unit of units) if (unit.kind === 'group') assembler.addGroup(unit, () => {});
  const batch = assembler.flush().find(({ changes }) => changes.length > 0);
  if (!batch) throw new Error('no batch');
  return batch;
}

class Letters implements Pick<LetterBox, 'append' | 'description'> {
  readonly description = 'a list';
  readonly stored: DeadLetter[] = [];

  async append(letters: readonly DeadLetter[]): Promise<void> {
    this.stored.push(...letters);
  }
}

function badRows(policy: BadRowsOptions['policy'], more: Partial<BadRowsOptions> = {}): BadRows {
  return new BadRows({
    policy,
    letters: undefined,
    stream: 's',
    incarnation: 'i',
    gaps: new Gaps(BEFORE),
    position: BEFORE,
    capabilities: { position: 'stored', deletes: true, sweep: true, schema: 'evolve' },
    clock: new ManualClock(),
    logger: silentLogger,
    recorder: { badRows: 0 },
    ...more,
  });
}

describe('a row its filter cannot judge', () => {
  test('ends a stream that is not told what to do with it, with table, column and transaction', () => {
    expect(() => batchOf(false)).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED', shard: '-80', table: 't', column: 'id', position: GTID }) as Error,
    );
  });

  // A sink that reads cells is not asked about such a row: it would take it.
  test.each(['objects', 'cells'] as const)('is skipped before a sink that reads %s sees it, and marks its table', async (input) => {
    const recorder = { badRows: 0 };
    const given: string[] = [];
    const capabilities = { position: 'stored', deletes: true, sweep: true, schema: 'evolve', input } as const;
    const applied = await badRows('skip', { recorder, capabilities }).apply(batchOf(true), async (batch) => {
      given.push(...batch.changes.map(({ op, before }) => `${op} ${String(before?.['id'])}`));
    });
    expect(given).toEqual(['delete 6']);
    expect(applied.transactions.map(({ changes }) => changes.length)).toEqual([1]);
    expect(applied.position.incomplete).toEqual([{ keyspace: 'commerce', shard: '-80', reason: 'row-skipped', tables: { t: 1 } }]);
    expect(recorder.badRows).toBe(1);
  });

  test('is a letter with both images and the operation as it came', async () => {
    const letters = new Letters();
    await badRows('dead-letter', { letters: letters as unknown as LetterBox }).apply(batchOf(true), async () => {
      expect(letters.stored).toHaveLength(1);
    });
    expect(letters.stored).toMatchObject([
      { op: 'update', gtid: GTID, ordinal: 1, before: expect.any(String), after: expect.any(String), reason: { column: 'id' } },
    ]);
  });
});

test('a batch of bad rows only is progress: nobody is handed one without changes', async () => {
  const kinds: string[] = [];
  const applied = await badRows('skip').apply(batchOf(true), async (batch) => {
    kinds.push(batch.kind);
    if (batch.changes.length > 0) throw rowsRefused(asBatch(batch).changes, 'no');
  });
  expect(kinds).toEqual(['transactions', 'progress']);
  expect(applied).toMatchObject({ kind: 'progress', progress: { type: 'position' }, transactions: [] });
  expect(applied.position.gtid('commerce', '-80')).toBe(SET);
});

test('many bad rows are told of at once, then every ten seconds, and at the end', async () => {
  let time = 0;
  const told: unknown[] = [];
  const logger = { ...silentLogger, warn: ({ code, rows }: Record<string, unknown>) => void told.push([rows, code]) };
  const rows = badRows('skip', { logger, clock: { now: () => 0, monotonic: () => time, after: () => () => {} } });
  for (time of [0, 1_000, 9_999, 10_000, 12_000]) await rows.apply(batchOf(true), async () => {});
  expect(told).toEqual([
    [1, 'DECODE_FAILED'],
    [3, 'DECODE_FAILED'],
  ]);
  rows.end();
  rows.end();
  expect(told.slice(2)).toEqual([[1, undefined]]);
});
