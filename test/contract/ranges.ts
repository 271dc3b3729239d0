/**
 * Ranges of keys copied again, played on a target: every row at the sink is changed behind the client's back, and those inside the range
 * are as at the source afterwards. What lies inside is written by hand, so that neither server nor client decides it.
 */
import assert from 'node:assert/strict';
import { must } from '../../src/internal/must.js';
import { memoryStore, start } from '../../src/index.js';
import type { RowObject } from '../../src/embedded/values.js';
import { WatchedSink } from '../support/watched-sink.js';
import { line } from './scenario.js';
import type { Target } from './target.js';

export interface RangeCase {
  readonly title: string;
  /** Columns and key; `v` is added. */
  readonly columns: string;
  readonly rows: readonly RowObject[];
  /** Each with the places in `rows` of those inside. */
  readonly ranges: readonly (readonly [where: string, ...inside: number[]])[];
}

const ids = (...list: readonly unknown[]): RowObject[] => list.map((id) => ({ id }));
const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');

export const rangeCases: readonly RangeCase[] = [
  {
    title: 'whole numbers, from the least there is',
    columns: 'id bigint not null, primary key (id)',
    rows: ids(-9_223_372_036_854_775_808n, -5n, 0n, 9n, 10n, 19n, 20n, 9_223_372_036_854_775_807n),
    ranges: [
      ['id >= 10 and id < 20', 4, 5],
      ['id < 9', 0, 1, 2],
      ['id > 19.5', 6, 7],
      ['id in (20, -5)', 1, 6],
      ['id != 0 and id not between 9 and 19', 0, 1, 6, 7],
    ],
  },
  {
    title: 'unsigned whole numbers',
    columns: 'id bigint unsigned not null, primary key (id)',
    rows: ids(0n, 1n, 9_223_372_036_854_775_808n, 18_446_744_073_709_551_615n),
    ranges: [
      ['id >= 9223372036854775808', 2, 3],
      ['id < 1', 0],
    ],
  },
  {
    title: 'decimals',
    columns: 'id decimal(6,2) not null, primary key (id)',
    rows: ids('-9999.99', '-1.51', '-1.50', '0.00', '1.25', '9999.99'),
    ranges: [
      ['id <= -1.505', 0, 1],
      ['id between -1.5 and 1.2', 2, 3],
    ],
  },
  {
    title: 'text',
    columns: 'id varchar(20) collate utf8mb4_bin not null, primary key (id)',
    rows: ids('B', 'a', 'a b', 'ab', 'b', 'z', 'é', '日'),
    ranges: [
      ["id >= 'ab' and id < 'z'", 3, 4],
      ["id = 'a '", 1],
      ["id > 'z'", 6, 7],
    ],
  },
  {
    title: 'bytes',
    columns: 'id varbinary(8) not null, primary key (id)',
    rows: ids(hex('00'), hex('61'), hex('6100'), hex('62'), hex('ff')),
    ranges: [
      ["id between X'61' and X'6100'", 1, 2],
      ["id >= 'b'", 3, 4],
    ],
  },
  {
    title: 'dates',
    columns: 'id date not null, primary key (id)',
    rows: ids('1999-12-31', '2024-02-28', '2024-02-29', '2024-03-01'),
    ranges: [
      ["id >= '2024-02-29'", 2, 3],
      ["id > '1999-12-31' and id <= '2024-02-28'", 1],
    ],
  },
  {
    title: 'times',
    columns: 'id datetime(3) not null, primary key (id)',
    rows: ids('2024-02-29 12:34:56.099', '2024-02-29 12:34:56.100', '2024-03-01 00:00:00.000'),
    ranges: [["id = '2024-02-29 12:34:56.100'", 1]],
  },
  {
    title: 'a key in another order than its columns',
    columns: 'id int not null, code varchar(9) collate utf8mb4_bin not null, primary key (code, id)',
    rows: [
      { id: 9, code: 'a' },
      { id: 1, code: 'k' },
      { id: 2, code: 'k' },
      { id: 3, code: 'k' },
      { id: 1, code: 'z' },
    ],
    ranges: [
      ["code = 'k' and id > 1", 2, 3],
      ["code >= 'k' and id = 1", 1, 4],
    ],
  },
  {
    title: 'a key whose second column the client cannot compare',
    columns: 'id int not null, code varchar(9) not null, primary key (id, code)',
    rows: [
      { id: 1, code: 'a' },
      { id: 2, code: 'B' },
      { id: 2, code: 'c' },
      { id: 3, code: 'a' },
    ],
    ranges: [['id = 2', 1, 2]],
  },
];

export async function playRange({ columns, rows, ranges }: RangeCase, target: Target): Promise<void> {
  const table = { keyspace: 'sharded', table: 'ct_range' };
  await target.ddl('sharded', 'drop table if exists ct_range');
  const [own, key] = columns.split(', primary key ') as [string, string];
  await target.ddl('sharded', `create table ct_range (${own}, v varchar(20), primary key ${key})`);
  const full = rows.map((row, at) => ({ ...row, v: `row ${at}` }));
  for (const [at, shard] of ['-80', '80-'].entries()) {
    const here = full.filter((_, index) => index % 2 === at);
    await target.transaction('sharded', shard, [{ op: 'insert', table: 'ct_range', rows: here }]);
  }
  const sink = new WatchedSink();
  const source = { vtgate: target.address, keyspace: 'sharded', tabletType: 'primary' as const };
  const running = start({ name: 'ranges', source, tables: ['ct_range'], state: memoryStore(), sink });
  try {
    for (const [index, [where, ...inside]] of ranges.entries()) {
      await sink.until(() => isCopied(sink, 1 + index), running.finished);
      for (const versions of must(sink.destination.tables.get('sharded.ct_range'), 'the table').keyed.values()) {
        for (const { values } of versions) values.set('v', 'changed');
      }
      await running.recopy('ct_range', { where });
      await sink.until(() => isCopied(sink, 2 + index), running.finished);
      const expected = full.map((row, at) => line({ ...row, v: inside.includes(at) ? row.v : 'changed' }));
      assert.deepEqual(
        sink.destination
          .rows(table)
          .map((row) => line(row as RowObject))
          .sort(),
        expected.sort(),
        where,
      );
    }
  } finally {
    await running.close();
    await target.ddl('sharded', 'drop table if exists ct_range');
  }
}

function isCopied({ positions }: WatchedSink, generation: number): boolean {
  const position = positions.at(-1);
  const entry = position?.plan.table('sharded', 'ct_range');
  return position?.copied === true && entry?.generation === generation && entry.shards === undefined;
}
