/** An error of a row says where in the stream the row is: shard, table, column and position. */
import { describe, expect, test } from 'vitest';
import { catalogOf, grouperOf } from '../../test/support/stream-fixture.js';
import { type RowSpec, response, ShardEvents } from '../../test/support/wire-events.js';
import { VStreamError } from '../errors.js';
import type { DecodeOptions } from '../schema/options.js';
import { compileFilter } from '../schema/where.js';
import type { GroupUnit } from './grouper.js';
import type { ChangeRecord } from './record.js';
import { withPlace } from './row-failure.js';
import { applyFilter } from './where.js';

const source = new ShardEvents('-80');
const GTID = 'MySQL56/16b1039f-22b6-11ed-b765-0a43f95f28a3:8';
const SET = 'MySQL56/16b1039f-22b6-11ed-b765-0a43f95f28a3:1-8';
const FAILING: DecodeOptions = {
  columns: {
    v: () => {
      throw new Error('no');
    },
  },
};

function changesOf(row: RowSpec, time: number, options: DecodeOptions = FAILING): ChangeRecord[] {
  const grouper = grouperOf(['-80'], { catalog: catalogOf({ optionsFor: () => options }) });
  const gtid = time === 0 ? undefined : GTID;
  const [unit] = grouper.push(
    response(
      source.begin(time, gtid),
      source.field('t', time),
      source.row('t', [row], time),
      source.vgtid([{ shard: '-80', gtid: SET }]),
      source.commit(time, gtid),
    ),
  );
  return (unit as GroupUnit).changes;
}

function thrownBy(read: () => unknown): VStreamError {
  try {
    read();
  } catch (error) {
    if (VStreamError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const AT = { code: 'DECODE_FAILED', category: 'fatal', keyspace: 'commerce', shard: '-80', table: 't', column: 'v' };

describe('a value that cannot be read', () => {
  test('names the transaction of a change, for both images', () => {
    const [change] = changesOf({ before: ['1', 'x'], after: ['1', 'y'] }, 9);
    for (const read of [() => change?.after, () => change?.before]) {
      const error = thrownBy(read);
      expect(error).toMatchObject({ ...AT, position: GTID });
      expect(error.message).toContain(`(transaction ${GTID})`);
      expect(error.cause).toMatchObject({ message: 'no' });
    }
  });

  test('names the snapshot of a copied row', () => {
    const [change] = changesOf({ after: ['1', 'x'] }, 0);
    const error = thrownBy(() => change?.after);
    expect(error).toMatchObject({ ...AT, position: SET });
    expect(error.message).toContain(`(snapshot ${SET})`);
  });

  test('in the key names it too', () => {
    const [change] = changesOf({ after: ['not a number', 'x'] }, 9, {});
    expect(thrownBy(() => change?.key)).toMatchObject({ ...AT, column: 'id', position: GTID });
  });

  test('and in a column of a filter', () => {
    const [change] = changesOf({ after: ['not a number', 'x'] }, 9, {}) as [ChangeRecord];
    change.context = { ...change.context, filter: compileFilter('id > 5', change.context.decoder) };
    expect(thrownBy(() => applyFilter([change]))).toMatchObject({ ...AT, column: 'id', position: GTID });
  });
});

describe('an event that cannot be read', () => {
  test('names shard, table and transaction', () => {
    const rows = (id: string) => source.row('t', [{ after: [id, 'x'] }], 9);
    const message = response(source.begin(9, GTID), source.field('t', 9), rows('1'), rows('2'));
    // The length of the last row change says more than there is.
    const change = message.lastIndexOf('commerce.t') + 'commerce.t'.length;
    expect(message[change]).toBe(0x12);
    message[change + 1] = 0x7f;
    const error = thrownBy(() => grouperOf(['-80']).push(message));
    expect(error).toMatchObject({ code: 'PROTOCOL', category: 'fatal', keyspace: 'commerce', shard: '-80', table: 't', position: GTID });
    expect(error.message).toMatch(/^malformed message from VTGate: .* on shard commerce\/-80 \(transaction MySQL56\//);
  });

  test('of a table nobody described names the transaction too', () => {
    const error = thrownBy(() => grouperOf(['-80']).push(response(source.begin(9, GTID), source.row('t', [{ after: ['1', 'x'] }], 9))));
    expect(error).toMatchObject({ code: 'PROTOCOL', category: 'retry', shard: '-80', table: 't', position: GTID });
  });
});

describe('what is left as it is', () => {
  const group = { gtid: GTID, commitTime: 1, phase: 'live', reshards: 0, shardGtid: SET, transactions: undefined } as const;

  test('an error that knows its position, and one of others', () => {
    const known = new VStreamError('PARTIAL_IMAGE', 'x', { position: 'here' });
    const foreign = new Error('x');
    expect([withPlace(known, group), withPlace(foreign, group)]).toEqual([known, foreign]);
  });

  test('an error of a group whose position is not known yet', () => {
    const error = new VStreamError('DECODE_FAILED', 'x');
    expect(withPlace(error, { ...group, gtid: undefined, shardGtid: '' })).toBe(error);
  });

  test('a set of many servers stays out of the message, not out of the error', () => {
    const many = Array.from({ length: 9 }, (_, at) => `${at}6b1039f-22b6-11ed-b765-0a43f95f28a3:1-8`).join(',');
    const error = withPlace(new VStreamError('DECODE_FAILED', 'x'), { ...group, gtid: undefined, shardGtid: many });
    expect(error).toMatchObject({ message: 'x', position: many });
  });
});
