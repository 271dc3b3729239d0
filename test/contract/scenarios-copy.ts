/** Scenarios of the copy: what is copied, in which order, and what a resume inside it gives. */
import type { RowObject } from '../../src/embedded/values.js';
import { copied, ddl, end, insert, remove, type Scenario, transaction, update, write, writeOn } from './scenario.js';

const item = (id: bigint, name: string | null): RowObject => ({ id, name });
/** Rows large enough that a tablet sends them in several packets. */
const heavy = (from: number, to: number): RowObject[] =>
  Array.from({ length: to - from + 1 }, (_, at) => ({ id: BigInt(from + at), payload: `${from + at} `.padEnd(60_000, 'x') }));
/** Many small ones instead: a tablet sorts a table without a key by all columns, and MySQL has no memory to sort large texts. */
const LOOSE: readonly RowObject[] = Array.from({ length: 3_000 }, (_, at) => ({ n: at + 1, payload: `${at + 1} `.padEnd(180, 'x') }));

export const copyScenarios: readonly Scenario[] = [
  {
    title: 'a copy reads every table in key order: composite, collated and missing keys, and tables without rows',
    keyspace: 'commerce',
    tables: {
      ct_empty: 'create table ct_empty (id bigint not null, primary key (id))',
      ct_item: 'create table ct_item (id bigint not null, name varchar(20), primary key (id))',
      ct_loose: 'create table ct_loose (n int, note varchar(20))',
      ct_pair: 'create table ct_pair (a int not null, b varchar(10) not null, n int, primary key (a, b))',
      ct_word: 'create table ct_word (word varchar(20) collate utf8mb4_0900_ai_ci not null, n int, primary key (word))',
    },
    steps: [
      write({ op: 'insert', table: 'ct_item', rows: [item(3n, 'three'), item(-1n, ''), item(9007199254740993n, null)] }),
      write({
        op: 'insert',
        table: 'ct_loose',
        rows: [
          { n: 2, note: 'b' },
          { n: 1, note: 'a' },
          { n: 2, note: 'b' },
        ],
      }),
      write({
        op: 'insert',
        table: 'ct_pair',
        rows: [
          { a: 2, b: 'a', n: 1 },
          { a: 1, b: 'b', n: 2 },
          { a: 1, b: 'a', n: 3 },
        ],
      }),
      write({
        op: 'insert',
        table: 'ct_word',
        rows: [
          { word: 'banana', n: 1 },
          { word: 'Äpfel', n: 2 },
          { word: 'apricot', n: 3 },
          { word: 'ZEBRA', n: 4 },
          { word: 'é', n: 5 },
        ],
      }),
      {
        do: 'stream',
        until: 'copied',
        expect: {
          0: [
            end('ct_empty'),
            ...copied('ct_item', item(-1n, ''), item(3n, 'three'), item(9007199254740993n, null)),
            end('ct_item'),
            // Without a key, a tablet sorts by all columns.
            ...copied('ct_loose', { n: 1, note: 'a' }, { n: 2, note: 'b' }, { n: 2, note: 'b' }),
            end('ct_loose'),
            ...copied('ct_pair', { a: 1, b: 'a', n: 3 }, { a: 1, b: 'b', n: 2 }, { a: 2, b: 'a', n: 1 }),
            end('ct_pair'),
            ...copied(
              'ct_word',
              { word: 'Äpfel', n: 2 },
              { word: 'apricot', n: 3 },
              { word: 'banana', n: 1 },
              { word: 'é', n: 5 },
              { word: 'ZEBRA', n: 4 },
            ),
            end('ct_word'),
          ],
        },
        versions: [
          'ct_empty(id bigint)',
          'ct_item(id bigint, name varchar(20))',
          'ct_loose(n int, note varchar(20))',
          'ct_pair(a int, b varchar(10), n int)',
          'ct_word(word varchar(20), n int)',
        ],
      },
    ],
  },
  {
    title: 'small tables are read beside the stream: what their rows hold already does not come again, what came after them does',
    keyspace: 'commerce',
    tables: {
      ct_a: 'create table ct_a (id bigint not null, name varchar(20), primary key (id))',
      ct_b: 'create table ct_b (id bigint not null, name varchar(20), primary key (id))',
      ct_c: 'create table ct_c (id bigint not null, name varchar(20), primary key (id))',
      ct_d: 'create table ct_d (id bigint not null, name varchar(20), primary key (id))',
    },
    steps: [
      write({ op: 'insert', table: 'ct_a', row: item(1n, 'a') }, { op: 'insert', table: 'ct_b', rows: [item(1n, 'b'), item(2n, 'b')] }),
      write({ op: 'insert', table: 'ct_c', row: item(1n, 'c') }, { op: 'insert', table: 'ct_d', row: item(1n, 'd') }),
      {
        do: 'stream',
        until: 'copied',
        atStart: {
          ct_b: [
            write(
              { op: 'delete', table: 'ct_b', where: { id: 1n } },
              { op: 'update', table: 'ct_a', where: { id: 1n }, set: { name: 'A' } },
              { op: 'insert', table: 'ct_b', row: item(3n, 'new') },
            ),
          ],
          ct_c: [
            ddl('truncate table ct_b'),
            write({ op: 'insert', table: 'ct_b', row: item(4n, 'after') }, { op: 'insert', table: 'ct_c', row: item(2n, 'new') }),
            ddl('truncate table ct_d'),
          ],
          ct_d: [write({ op: 'insert', table: 'ct_d', row: item(2n, 'new') }, { op: 'update', table: 'ct_c', set: { name: 'C' } })],
        },
        expect: {
          0: [
            ...copied('ct_a', item(1n, 'a')),
            end('ct_a'),
            ...copied('ct_b', item(2n, 'b'), item(3n, 'new')),
            end('ct_b'),
            ...copied('ct_c', item(1n, 'c'), item(2n, 'new')),
            end('ct_c'),
            ...copied('ct_d', item(2n, 'new')),
            end('ct_d'),
            ...transaction(update('ct_a', item(1n, 'a'), item(1n, 'A'))),
            'truncate ct_b',
            ...transaction(insert('ct_b', item(4n, 'after'))),
            ...transaction(update('ct_c', item(1n, 'c'), item(1n, 'C')), update('ct_c', item(2n, 'new'), item(2n, 'C'))),
          ],
        },
        rows: {
          ct_a: [item(1n, 'A')],
          ct_b: [item(4n, 'after')],
          ct_c: [item(1n, 'C'), item(2n, 'C')],
          ct_d: [item(2n, 'new')],
        },
      },
    ],
  },
  {
    title: 'two shards are copied each for itself, and go on together',
    keyspace: 'sharded',
    tables: {
      ct_item: 'create table ct_item (id bigint not null, name varchar(20), primary key (id))',
      ct_note: 'create table ct_note (id bigint not null, name varchar(20), primary key (id))',
    },
    steps: [
      writeOn('-80', { op: 'insert', table: 'ct_item', rows: [item(1n, 'a'), item(4n, 'd')] }),
      writeOn('80-', { op: 'insert', table: 'ct_item', rows: [item(2n, 'b')] }, { op: 'insert', table: 'ct_note', row: item(9n, 'note') }),
      {
        do: 'stream',
        until: 'copied',
        expect: {
          '-80': [...copied('ct_item', item(1n, 'a'), item(4n, 'd')), end('ct_item'), end('ct_note')],
          '80-': [...copied('ct_item', item(2n, 'b')), end('ct_item'), ...copied('ct_note', item(9n, 'note')), end('ct_note')],
        },
        versions: ['ct_item(id bigint, name varchar(20))', 'ct_note(id bigint, name varchar(20))'],
      },
      writeOn('80-', { op: 'update', table: 'ct_item', where: { id: 2n }, set: { name: 'changed' } }),
      writeOn('-80', { op: 'delete', table: 'ct_item', where: { id: 1n } }, { op: 'insert', table: 'ct_note', row: item(1n, 'x') }),
      {
        do: 'stream',
        expect: {
          '-80': transaction(remove('ct_item', item(1n, 'a')), insert('ct_note', item(1n, 'x'))),
          '80-': transaction(update('ct_item', item(2n, 'b'), item(2n, 'changed'))),
        },
        rows: { ct_item: [item(2n, 'changed'), item(4n, 'd')], ct_note: [item(1n, 'x'), item(9n, 'note')] },
      },
    ],
  },
  {
    title: 'a copy resumed after every batch copies what is left, loses no delete and doubles no row',
    keyspace: 'commerce',
    interruptions: [
      write({ op: 'delete', table: 'ct_done', where: { id: 1n } }),
      write({ op: 'delete', table: 'ct_heavy', where: { id: 2n } }),
      write({ op: 'update', table: 'ct_heavy', where: { id: 20n }, set: { payload: 'above the last key' } }),
      write({ op: 'update', table: 'ct_done', where: { id: 2n }, set: { name: 'B' } }),
      write({ op: 'insert', table: 'ct_heavy', row: { id: 0n, payload: 'below' } }),
    ],
    tables: {
      ct_done: 'create table ct_done (id bigint not null, name varchar(20), primary key (id))',
      ct_heavy: 'create table ct_heavy (id bigint not null, payload mediumtext, primary key (id))',
      ct_last: 'create table ct_last (id bigint not null, name varchar(20), primary key (id))',
    },
    steps: [
      write({ op: 'insert', table: 'ct_done', rows: [item(1n, 'a'), item(2n, 'b'), item(3n, 'c')] }),
      write({ op: 'insert', table: 'ct_heavy', rows: heavy(1, 20) }),
      write({ op: 'insert', table: 'ct_last', rows: [item(1n, 'z')] }),
      {
        do: 'stream',
        until: 'copied',
        expect: {
          0: [
            ...copied('ct_done', item(1n, 'a'), item(2n, 'b'), item(3n, 'c')),
            end('ct_done'),
            ...copied('ct_heavy', ...heavy(1, 20)),
            end('ct_heavy'),
            ...copied('ct_last', item(1n, 'z')),
            end('ct_last'),
          ],
        },
      },
      {
        do: 'stream',
        expect: {
          0: [
            ...transaction(remove('ct_done', item(1n, 'a'))),
            ...transaction(...heavy(2, 2).map((row) => remove('ct_heavy', row))),
            ...transaction(...heavy(20, 20).map((row) => update('ct_heavy', row, { ...row, payload: 'above the last key' }))),
            ...transaction(update('ct_done', item(2n, 'b'), item(2n, 'B'))),
            ...transaction(insert('ct_heavy', { id: 0n, payload: 'below' })),
          ],
        },
        rows: {
          ct_done: [item(2n, 'B'), item(3n, 'c')],
          ct_heavy: [{ id: 0n, payload: 'below' }, ...heavy(1, 1), ...heavy(3, 19), { id: 20n, payload: 'above the last key' }],
          ct_last: [item(1n, 'z')],
        },
      },
    ],
  },
  {
    title: 'two shards whose copy is resumed after every batch keep deletes, and rows that moved between them meanwhile',
    keyspace: 'sharded',
    interruptions: [
      writeOn('-80', { op: 'delete', table: 'ct_heavy', where: { id: 1n } }),
      writeOn('80-', { op: 'insert', table: 'ct_heavy', row: { id: 1n, payload: 'moved' } }),
      writeOn('80-', { op: 'delete', table: 'ct_heavy', where: { id: 109n } }),
      writeOn('-80', { op: 'insert', table: 'ct_heavy', row: { id: 109n, payload: 'moved back' } }),
    ],
    tables: { ct_heavy: 'create table ct_heavy (id bigint not null, payload mediumtext, primary key (id))' },
    steps: [
      writeOn('-80', { op: 'insert', table: 'ct_heavy', rows: heavy(1, 10) }),
      writeOn('80-', { op: 'insert', table: 'ct_heavy', rows: heavy(100, 109) }),
      {
        do: 'stream',
        until: 'copied',
        expect: {
          '-80': [...copied('ct_heavy', ...heavy(1, 10)), end('ct_heavy')],
          '80-': [...copied('ct_heavy', ...heavy(100, 109)), end('ct_heavy')],
        },
      },
      {
        do: 'stream',
        expect: {
          '-80': [
            ...transaction(...heavy(1, 1).map((row) => remove('ct_heavy', row))),
            ...transaction(insert('ct_heavy', { id: 109n, payload: 'moved back' })),
          ],
          '80-': [
            ...transaction(insert('ct_heavy', { id: 1n, payload: 'moved' })),
            ...transaction(...heavy(109, 109).map((row) => remove('ct_heavy', row))),
          ],
        },
        rows: { ct_heavy: [...heavy(2, 10), ...heavy(100, 108), { id: 1n, payload: 'moved' }, { id: 109n, payload: 'moved back' }] },
      },
    ],
  },
  {
    title: 'a copy without a key that was interrupted starts again, and what it copied before is swept',
    keyspace: 'commerce',
    interruptions: [
      write({ op: 'insert', table: 'ct_loose', row: { n: 100, payload: 'late' } }),
      write({ op: 'insert', table: 'ct_loose', row: { n: 0, payload: 'later' } }),
    ],
    tables: { ct_loose: 'create table ct_loose (n int, payload varchar(200))' },
    steps: [
      write({ op: 'insert', table: 'ct_loose', rows: LOOSE }),
      { do: 'stream', until: 'copied', expect: { 0: [...copied('ct_loose', ...LOOSE), end('ct_loose')] } },
      {
        do: 'stream',
        expect: {
          0: [
            ...transaction(insert('ct_loose', { n: 100, payload: 'late' })),
            ...transaction(insert('ct_loose', { n: 0, payload: 'later' })),
          ],
        },
        rows: { ct_loose: [{ n: 0, payload: 'later' }, ...LOOSE, { n: 100, payload: 'late' }] },
      },
    ],
  },
  {
    title: 'a table added to a stream is copied while the others go on',
    keyspace: 'commerce',
    tables: {
      ct_first: 'create table ct_first (id bigint not null, name varchar(20), primary key (id))',
      ct_later: 'create table ct_later (id bigint not null, name varchar(20), primary key (id))',
    },
    steps: [
      write({ op: 'insert', table: 'ct_first', rows: [item(1n, 'a'), item(2n, 'b')] }),
      write({ op: 'insert', table: 'ct_later', rows: [item(1n, 'x'), item(2n, 'y')] }),
      {
        do: 'stream',
        tables: { ct_first: {} },
        expect: { 0: [...copied('ct_first', item(1n, 'a'), item(2n, 'b')), end('ct_first')] },
      },
      write({ op: 'delete', table: 'ct_first', where: { id: 1n } }, { op: 'delete', table: 'ct_later', where: { id: 1n } }),
      {
        do: 'stream',
        expect: {
          0: [...transaction(remove('ct_first', item(1n, 'a'))), ...copied('ct_later', item(2n, 'y')), end('ct_later')],
        },
        rows: { ct_first: [item(2n, 'b')], ct_later: [item(2n, 'y')] },
      },
      write({ op: 'insert', table: 'ct_later', row: item(3n, 'new') }),
      {
        do: 'stream',
        expect: { 0: transaction(insert('ct_later', item(3n, 'new'))) },
        rows: { ct_later: [item(2n, 'y'), item(3n, 'new')] },
      },
    ],
  },
  {
    title: 'a table whose copy is not wanted gives changes only',
    keyspace: 'commerce',
    tables: { ct_item: 'create table ct_item (id bigint not null, name varchar(20), primary key (id))' },
    steps: [
      write({ op: 'insert', table: 'ct_item', row: item(1n, 'old') }),
      { do: 'stream', tables: { ct_item: { copy: false } }, expect: {} },
      write({ op: 'update', table: 'ct_item', where: { id: 1n }, set: { name: 'new' } }),
      {
        do: 'stream',
        tables: { ct_item: { copy: false } },
        expect: { 0: transaction(update('ct_item', item(1n, 'old'), item(1n, 'new'))) },
        rows: { ct_item: [item(1n, 'new')] },
      },
    ],
  },
  {
    title: 'a changed filter copies the table again, and rows that left it are swept',
    keyspace: 'commerce',
    tables: { ct_item: 'create table ct_item (id bigint not null, name varchar(20), primary key (id))' },
    steps: [
      write({ op: 'insert', table: 'ct_item', rows: [item(1n, 'a'), item(2n, 'b'), item(3n, 'c')] }),
      {
        do: 'stream',
        tables: { ct_item: { where: 'id < 3' } },
        expect: { 0: [...copied('ct_item', item(1n, 'a'), item(2n, 'b')), end('ct_item')] },
        rows: { ct_item: [item(1n, 'a'), item(2n, 'b')] },
      },
      {
        do: 'stream',
        tables: { ct_item: { where: 'id > 1' } },
        expect: { 0: [...copied('ct_item', item(2n, 'b'), item(3n, 'c')), end('ct_item', 2)] },
        rows: { ct_item: [item(2n, 'b'), item(3n, 'c')] },
      },
    ],
  },
  {
    title: 'a dropped and created table is another table, also when nobody watched',
    keyspace: 'commerce',
    tables: { ct_item: 'create table ct_item (id bigint not null, name varchar(20), primary key (id))' },
    steps: [
      write({ op: 'insert', table: 'ct_item', rows: [item(1n, 'a'), item(2n, 'b')] }),
      { do: 'stream', expect: { 0: [...copied('ct_item', item(1n, 'a'), item(2n, 'b')), end('ct_item')] } },
      ddl('drop table ct_item'),
      ddl('create table ct_item (id bigint not null, name varchar(20), primary key (id))'),
      write({ op: 'insert', table: 'ct_item', row: item(7n, 'other') }),
      {
        do: 'stream',
        expect: { 0: ['rows-changed ct_item', 'ddl ct_item', ...transaction(insert('ct_item', item(7n, 'other')))] },
        rows: { ct_item: [item(7n, 'other')] },
      },
    ],
  },
];
