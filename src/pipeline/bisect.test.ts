import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { catalogOf, grouperOf } from '../../test/support/stream-fixture.js';
import { response, ShardEvents, type WireEvent } from '../../test/support/wire-events.js';
import { VStreamError } from '../errors.js';
import { silentLogger } from '../observe/logger.js';
import { CopyPlan } from '../position/plan.js';
import { Position } from '../position/position.js';
import { Assembler } from '../stream/assembler.js';
import { StreamBatch } from '../stream/batch.js';
import { Gaps } from '../stream/gaps.js';
import { BadRows } from './bad-rows.js';

const UUID = '16b1039f-22b6-11ed-b765-0a43f95f28a3';
const SHARD = { keyspace: 'commerce', shard: '-80' };
const at = (transactions: number): Position => new Position([{ ...SHARD, gtid: `MySQL56/${UUID}:1-${transactions}` }], CopyPlan.empty);
const source = new ShardEvents('-80');

/** A batch of transactions behind transaction `from`, each of these ids. */
function batchOf(from: number, transactions: readonly (readonly number[])[]): StreamBatch {
  const assembler = new Assembler(at(from), { batchBytes: 1 << 20, batchChanges: 10_000, keepsUnjudged: false });
  const events: WireEvent[] = [];
  for (const [index, ids] of transactions.entries()) {
    const number = from + index + 1;
    const gtid = `MySQL56/${UUID}:${number}`;
    const rows = ids.map((id) => ({ after: [String(id), 'x'] }));
    const set = `MySQL56/${UUID}:1-${number}`;
    events.push(source.begin(9, gtid), source.field('t', 9), source.row('t', rows, 9), source.vgtid([{ shard: '-80', gtid: set }]));
    events.push(source.commit(9, gtid));
  }
  for (const unit of grouperOf(['-80'], { catalog: catalogOf() }).push(response(...events)))
    if (unit.kind === 'group') assembler.addGroup(unit, () => {});
  const batch = assembler.flush().find(({ changes }) => changes.length > 0);
  if (!batch) throw new Error('no batch');
  return batch;
}

const idsOf = ({ changes }: Pick<StreamBatch, 'changes'>): number[] => changes.map(({ after }) => Number(after?.['id']));

/** Takes rows but for some ids; down while `down` says so. Remembers what it was given, and what it took. */
class Destination {
  readonly given: StreamBatch[] = [];
  readonly taken: number[] = [];
  readonly #refuses: (id: number) => boolean;
  readonly #down: (call: number) => boolean;

  constructor(refuses: (id: number) => boolean, down: (call: number) => boolean = () => false) {
    this.#refuses = refuses;
    this.#down = down;
  }

  give = async (batch: StreamBatch): Promise<void> => {
    this.given.push(batch);
    if (this.#down(this.given.length)) throw new VStreamError('SINK_FAILED', 'the destination is away');
    for (const id of idsOf(batch)) {
      if (this.#refuses(id)) throw new VStreamError('SINK_FAILED', `bad row`);
      // What came before the bad row is there: not every destination undoes.
      this.taken.push(id);
    }
  };
}

function badRows(policy: 'skip' | 'fail' = 'skip', bisect = true, recorder = { badRows: 0 }, clock = new ManualClock()): BadRows {
  return new BadRows({
    policy,
    letters: undefined,
    stream: 's',
    incarnation: 'i',
    gaps: new Gaps(at(0)),
    position: at(0),
    capabilities: { position: 'external', deletes: true, sweep: false, schema: 'fixed', bisect },
    clock,
    logger: silentLogger,
    recorder,
  });
}

describe('rows a destination refuses without naming them', () => {
  test('are the ones left out, wherever they are, and the rest comes as a whole at last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 }), async (shape) => {
        let next = 0;
        const bad = new Set<number>();
        const transactions = shape.map((rows) => rows.map((isBad) => (isBad && bad.add(next), next++)));
        const destination = new Destination((id) => bad.has(id));
        const rows = badRows();
        await rows.apply(batchOf(0, [[1_000]]), destination.give);
        const applied = await rows.apply(batchOf(1, transactions), destination.give);
        const good = transactions.flat().filter((id) => !bad.has(id));
        expect(idsOf(applied)).toEqual(good);
        expect(applied.position.gtid('commerce', '-80')).toBe(`MySQL56/${UUID}:1-${shape.length + 1}`);
        expect(applied.position.incomplete).toHaveLength(bad.size > 0 ? 1 : 0);
        // The last state of each row is the batch's, in its order.
        expect(destination.taken.slice(destination.taken.length - good.length)).toEqual(good);
      }),
      { numRuns: 60 },
    );
  });

  test('are looked for in parts that are whole transactions as long as there are several, at the position before the batch', async () => {
    const destination = new Destination((id) => id === 4);
    const rows = badRows();
    await rows.apply(batchOf(0, [[9]]), destination.give);
    await rows.apply(batchOf(1, [[1, 2], [3, 4, 5], [6]]), destination.give);
    const shown = destination.given.map((batch) =>
      batch.transactions.map(({ changes, part }) => `${idsOf({ changes }).join(',')}${part ? ' part' : ''}`),
    );
    expect(shown).toEqual([
      ['9'],
      ['1,2', '3,4,5', '6'],
      // Halves, and then halves of the one that is refused.
      ['1,2'],
      ['3,4,5', '6'],
      ['3,4,5'],
      ['3 part'],
      ['4,5 part'],
      ['4 part'],
      // Is anything taken? Then it is the row.
      ['3 part'],
      ['4 part'],
      ['5 part'],
      ['6'],
      ['1,2', '3,5', '6'],
    ]);
    const parts = destination.given.slice(2, -1);
    expect(parts.map(({ position }) => position.gtid('commerce', '-80'))).toEqual(parts.map(() => at(1).gtid('commerce', '-80')));
  });

  test('are none while the destination takes nothing: an outage ends the stream, whenever it begins', async () => {
    for (let from = 2; from <= 13; from++) {
      const destination = new Destination(
        (id) => id === 4,
        (call) => call >= from,
      );
      const recorder = { badRows: 0 };
      const rows = badRows('skip', true, recorder);
      await rows.apply(batchOf(0, [[9]]), destination.give);
      await expect(rows.apply(batchOf(1, [[1, 2], [3, 4, 5], [6]]), destination.give)).rejects.toMatchObject({ code: 'SINK_FAILED' });
      // Only where the search came to its end is the row that is bad among the bad ones.
      expect(recorder.badRows).toBe(from === 13 ? 1 : 0);
    }
  });

  test('a row that is taken the second time is not bad', async () => {
    let refusals = 2;
    const destination = new Destination((id) => id === 2 && refusals-- > 0);
    const rows = badRows();
    await rows.apply(batchOf(0, [[9]]), destination.give);
    expect(idsOf(await rows.apply(batchOf(1, [[1], [2]]), destination.give))).toEqual([1, 2]);
  });

  test('a batch whose every part is taken, but not the whole, ends the stream', async () => {
    const destination = new Destination(() => false);
    const give = async (batch: StreamBatch): Promise<void> => {
      if (batch.changes.length > 2) throw new VStreamError('SINK_FAILED', 'too much at once');
      await destination.give(batch);
    };
    await expect(badRows().apply(batchOf(0, [[1, 2], [3]]), give)).rejects.toMatchObject({ message: 'too much at once' });
  });

  test('right after a start another row of the batch shows that the destination takes any; alone, with nothing behind it, nobody can tell', async () => {
    const destination = new Destination((id) => id < 3);
    expect(idsOf(await badRows().apply(batchOf(0, [[1, 2, 3], [4]]), destination.give))).toEqual([3, 4]);
    await expect(badRows().apply(batchOf(0, [[1]]), destination.give)).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: 'bad row; nothing else was taken, so it may be the rows or the destination',
      next: expect.stringContaining('rowsRefused'),
    });
  });

  const progress = new StreamBatch({ kind: 'progress', position: at(1), progress: { type: 'position' } });
  const schema = { keyspace: 'commerce', table: 't', shard: '-80', from: undefined, to: undefined, statement: undefined };
  const columns = new StreamBatch({ kind: 'schema', position: at(1), schema: { kind: 'columns', ...schema } });
  const truncate = new StreamBatch({ kind: 'schema', position: at(1), schema: { kind: 'truncate', ...schema } });
  async function* of(...batches: StreamBatch[]): AsyncGenerator<StreamBatch> {
    yield* batches;
  }

  test('alone in its batch, right after a start, it waits for another row, which is taken before its turn', async () => {
    const destination = new Destination((id) => id === 1);
    const applied = await badRows().apply(batchOf(0, [[1]]), destination.give, () => of(progress, columns, batchOf(1, [[2], [3]])));
    expect(applied).toMatchObject({ kind: 'progress', progress: { type: 'position' } });
    expect(applied.position.incomplete).toHaveLength(1);
    expect(destination.given.map((batch) => batch.schema?.kind ?? idsOf(batch).join(','))).toEqual(['1', 'columns', '2', '1', '']);
    // What comes before its turn carries the position before all of it.
    expect(destination.given.slice(1, 4).map(({ position }) => position.gtid('commerce', '-80'))).toEqual(
      Array(3).fill(at(0).gtid('commerce', '-80')),
    );
  });

  test.each<[string, StreamBatch[]]>([
    ['that is refused as well', [batchOf(1, [[8], [9]])]],
    ['behind a TRUNCATE', [truncate, batchOf(1, [[2]])]],
    ['behind columns that are refused', [columns, batchOf(1, [[2]])]],
    ['that never comes', [progress]],
  ])('a row %s proves nothing', async (title, batches) => {
    const destination = new Destination((id) => id === 1 || id > 7);
    const give = async (batch: StreamBatch): Promise<void> => {
      if (batch.schema && title.includes('columns')) throw new VStreamError('SINK_FAILED', 'no such table');
      await destination.give(batch);
    };
    const applying = badRows().apply(batchOf(0, [[1]]), give, () => of(...batches));
    await expect(applying).rejects.toMatchObject({ message: expect.stringContaining('nothing else was taken') as string });
    expect(destination.taken).toEqual([]);
  });

  test('alone it is given again every 30 s while nothing comes: the destination may have been away', async () => {
    const clock = new ManualClock();
    let away = true;
    const destination = new Destination(() => away);
    let come = (): void => {};
    const never = async function* (): AsyncGenerator<StreamBatch> {
      await new Promise<void>((resolve) => (come = resolve));
      yield progress;
    };
    const applying = badRows('skip', true, { badRows: 0 }, clock).apply(batchOf(0, [[1]]), destination.give, never);
    await clock.advance(60_000);
    expect(destination.given).toHaveLength(3);
    away = false;
    await clock.advance(30_000);
    expect(idsOf(await applying)).toEqual([1]);
    expect(clock.pending).toEqual([]);
    come();
  });

  test('a row that a statement or a sweep may have removed is not given once more', async () => {
    const destination = new Destination((id) => id === 4);
    const rows = badRows();
    await rows.apply(batchOf(0, [[9]]), destination.give);
    const progress = { type: 'table-end', keyspace: 'commerce', table: 't', shard: '-80', sweep: true } as const;
    await rows.apply(new StreamBatch({ kind: 'progress', position: at(1), progress }), destination.give);
    await rows.apply(batchOf(1, [[4, 5]]), destination.give);
    expect(destination.taken).toEqual([9, 5, 5, 5]);
  });

  test.each([
    ['fail', true],
    ['skip', false],
  ] as const)('with policy %s, and a sink that says bisect: %s, the refusal ends the stream after one try', async (policy, bisect) => {
    const destination = new Destination((id) => id === 1);
    await expect(badRows(policy, bisect).apply(batchOf(0, [[1, 2]]), destination.give)).rejects.toMatchObject({ code: 'SINK_FAILED' });
    expect(destination.given).toHaveLength(1);
  });
});
