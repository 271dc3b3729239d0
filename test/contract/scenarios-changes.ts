/** Scenarios of replication: changes, transactions, filters, values, and DDL that no row event tells of. */
import type { RowObject } from '../../src/embedded/values.js';
import { copied, ddl, end, insert, remove, type Scenario, transaction, update, write, writeOn } from './scenario.js';

const item = (id: bigint, name: string | null): RowObject => ({ id, name });
const ITEM = 'create table ct_item (id bigint not null, name varchar(20), primary key (id))';
const priced = (id: bigint, price: number, note: string | null = null): RowObject => ({ id, price, note });
const PRICED = 'create table ct_item (id bigint not null, price int, note varchar(20), primary key (id))';

const VALUES: Record<string, RowObject> = {
  low: {
    id: 1n,
    ub: 0n,
    i: -2147483648,
    tiny: -128,
    exact: '-99999999999999999999.0000000001',
    d: -1.5e-300,
    e: 'small',
    s: '',
    b: new Uint8Array([0, 0]),
    y: 1901,
    day: '1000-01-01',
    dt: '1000-01-01 00:00:00.000000',
    t: '-838:59:59.000',
    txt: '',
    bin: new Uint8Array([0, 255, 39]),
    j: [],
  },
  high: {
    id: 2n,
    ub: 18446744073709551615n,
    i: 2147483647,
    tiny: 127,
    exact: '99999999999999999999.9999999999',
    d: 1.7976931348623157e308,
    e: "it's",
    s: 'a,c',
    b: new Uint8Array([1, 255]),
    y: 2155,
    day: '9999-12-31',
    dt: '9999-12-31 23:59:59.999999',
    t: '838:59:59.000',
    txt: "quote ' slash \\ \u{1f600}",
    bin: new Uint8Array(0),
    j: { a: [1, 'x', null, { b: true }], text: '"é' },
  },
  none: {
    id: 3n,
    ub: null,
    i: null,
    tiny: null,
    exact: null,
    d: null,
    e: null,
    s: null,
    b: null,
    y: null,
    day: null,
    dt: null,
    t: null,
    txt: null,
    bin: null,
    j: null,
  },
};
const { low, high, none } = VALUES as { low: RowObject; high: RowObject; none: RowObject };

const BIG = 100_000;
const numbered = (id: number): RowObject => ({ id: BigInt(id), name: `row ${id}` });

export const changeScenarios: readonly Scenario[] = [
  {
    title: 'insert, update, delete and a changed key arrive as they were committed, statement by statement',
    keyspace: 'commerce',
    tables: { ct_item: ITEM, ct_other: 'create table ct_other (id bigint not null, primary key (id))' },
    steps: [
      { do: 'stream', from: 'current', expect: {} },
      write({ op: 'insert', table: 'ct_item', rows: [item(1n, 'a'), item(2n, 'b')] }),
      write(
        { op: 'update', table: 'ct_item', where: { id: 1n }, set: { name: 'A' } },
        { op: 'insert', table: 'ct_other', row: { id: 5n } },
        { op: 'update', table: 'ct_item', where: { id: 2n }, set: { id: 20n } },
        { op: 'delete', table: 'ct_item', where: { id: 1n } },
      ),
      {
        do: 'stream',
        expect: {
          0: [
            ...transaction(insert('ct_item', item(1n, 'a')), insert('ct_item', item(2n, 'b'))),
            ...transaction(
              update('ct_item', item(1n, 'a'), item(1n, 'A')),
              insert('ct_other', { id: 5n }),
              update('ct_item', item(2n, 'b'), item(20n, 'b')),
              remove('ct_item', item(1n, 'A')),
            ),
          ],
        },
        versions: ['ct_item(id bigint, name varchar(20))', 'ct_other(id bigint)'],
        rows: { ct_item: [item(20n, 'b')], ct_other: [{ id: 5n }] },
      },
      { do: 'stream', expect: {} },
    ],
  },
  {
    title: 'a running stream gives the same, and a transaction on other tables gives nothing',
    keyspace: 'commerce',
    tables: { ct_item: ITEM, ct_unwatched: 'create table ct_unwatched (id bigint not null, primary key (id))' },
    steps: [
      write({ op: 'insert', table: 'ct_item', row: item(1n, 'a') }),
      {
        do: 'stream',
        tables: { ct_item: {} },
        until: 'never',
        meanwhile: [
          write({ op: 'insert', table: 'ct_unwatched', row: { id: 1n } }),
          write({ op: 'insert', table: 'ct_item', row: item(2n, 'b') }),
          write({ op: 'update', table: 'ct_item', where: { id: 2n }, set: { name: null } }),
        ],
        expect: {
          0: [
            ...copied('ct_item', item(1n, 'a')),
            end('ct_item'),
            ...transaction(insert('ct_item', item(2n, 'b'))),
            ...transaction(update('ct_item', item(2n, 'b'), item(2n, null))),
          ],
        },
        rows: { ct_item: [item(1n, 'a'), item(2n, null)] },
      },
    ],
  },
  {
    title: 'changes of a table without a key carry whole rows',
    keyspace: 'commerce',
    tables: { ct_loose: 'create table ct_loose (n int, note varchar(20))' },
    steps: [
      { do: 'stream', from: 'current', expect: {} },
      write({
        op: 'insert',
        table: 'ct_loose',
        rows: [
          { n: 1, note: 'a' },
          { n: 1, note: 'a' },
          { n: 2, note: null },
        ],
      }),
      write({ op: 'update', table: 'ct_loose', where: { n: 2 }, set: { note: 'b' } }, { op: 'delete', table: 'ct_loose', where: { n: 1 } }),
      {
        do: 'stream',
        expect: {
          0: [
            ...transaction(
              insert('ct_loose', { n: 1, note: 'a' }),
              insert('ct_loose', { n: 1, note: 'a' }),
              insert('ct_loose', { n: 2, note: null }),
            ),
            ...transaction(
              update('ct_loose', { n: 2, note: null }, { n: 2, note: 'b' }),
              remove('ct_loose', { n: 1, note: 'a' }),
              remove('ct_loose', { n: 1, note: 'a' }),
            ),
          ],
        },
      },
    ],
  },
  {
    title: 'rows that move between shards end on the new one, whatever came first',
    keyspace: 'sharded',
    tables: { ct_item: ITEM },
    steps: [
      writeOn('-80', { op: 'insert', table: 'ct_item', rows: [item(1n, 'stays'), item(2n, 'moves')] }),
      {
        do: 'stream',
        expect: { '-80': [...copied('ct_item', item(1n, 'stays'), item(2n, 'moves')), end('ct_item')], '80-': [end('ct_item')] },
      },
      writeOn('-80', { op: 'delete', table: 'ct_item', where: { id: 2n } }),
      writeOn('80-', { op: 'insert', table: 'ct_item', row: item(2n, 'moved') }),
      {
        do: 'stream',
        expect: { '-80': transaction(remove('ct_item', item(2n, 'moves'))), '80-': transaction(insert('ct_item', item(2n, 'moved'))) },
        rows: { ct_item: [item(1n, 'stays'), item(2n, 'moved')] },
      },
    ],
  },
  {
    title: 'a row that leaves a filter is a delete, one that enters it an insert, and others are not seen',
    keyspace: 'commerce',
    tables: { ct_item: PRICED },
    steps: [
      write({ op: 'insert', table: 'ct_item', rows: [priced(1n, 5), priced(2n, 15), priced(3n, 25)] }),
      {
        do: 'stream',
        tables: { ct_item: { where: 'price >= 10' } },
        expect: { 0: [...copied('ct_item', priced(2n, 15), priced(3n, 25)), end('ct_item')] },
      },
      write({ op: 'update', table: 'ct_item', where: { id: 1n }, set: { price: 12 } }),
      write({ op: 'update', table: 'ct_item', where: { id: 2n }, set: { price: 3 } }),
      write({ op: 'update', table: 'ct_item', where: { id: 2n }, set: { note: 'unseen' } }),
      write({ op: 'update', table: 'ct_item', where: { id: 3n }, set: { note: 'seen' } }),
      write({ op: 'insert', table: 'ct_item', rows: [priced(4n, 1), priced(5n, 50)] }),
      write({ op: 'delete', table: 'ct_item', where: [{ id: 4n }, { id: 5n }] }),
      {
        do: 'stream',
        tables: { ct_item: { where: 'price >= 10' } },
        expect: {
          0: [
            ...transaction(insert('ct_item', priced(1n, 12))),
            ...transaction(remove('ct_item', priced(2n, 15))),
            ...transaction(update('ct_item', priced(3n, 25), priced(3n, 25, 'seen'))),
            ...transaction(insert('ct_item', priced(5n, 50))),
            ...transaction(remove('ct_item', priced(5n, 50))),
          ],
        },
        rows: { ct_item: [priced(1n, 12), priced(3n, 25, 'seen')] },
      },
    ],
  },
  {
    title: 'a column list gives these columns, in its order',
    keyspace: 'commerce',
    tables: { ct_item: PRICED },
    steps: [
      write({ op: 'insert', table: 'ct_item', row: priced(1n, 5, 'x') }),
      {
        do: 'stream',
        tables: { ct_item: { columns: ['note', 'id'] } },
        expect: { 0: [...copied('ct_item', { note: 'x', id: 1n }), end('ct_item')] },
        versions: ['ct_item(note varchar(20), id bigint)'],
      },
      write({ op: 'update', table: 'ct_item', where: { id: 1n }, set: { note: 'y' } }),
      {
        do: 'stream',
        tables: { ct_item: { columns: ['note', 'id'] } },
        expect: { 0: transaction(update('ct_item', { note: 'x', id: 1n }, { note: 'y', id: 1n })) },
        rows: { ct_item: [{ note: 'y', id: 1n }] },
      },
    ],
  },
  {
    title: 'TRUNCATE empties the table, on every shard',
    keyspace: 'sharded',
    tables: { ct_item: ITEM },
    steps: [
      writeOn('-80', { op: 'insert', table: 'ct_item', row: item(1n, 'a') }),
      writeOn('80-', { op: 'insert', table: 'ct_item', row: item(2n, 'b') }),
      {
        do: 'stream',
        expect: {
          '-80': [...copied('ct_item', item(1n, 'a')), end('ct_item')],
          '80-': [...copied('ct_item', item(2n, 'b')), end('ct_item')],
        },
      },
      ddl('truncate table ct_item'),
      writeOn('80-', { op: 'insert', table: 'ct_item', row: item(3n, 'c') }),
      {
        do: 'stream',
        expect: { '-80': ['truncate ct_item'], '80-': ['truncate ct_item', ...transaction(insert('ct_item', item(3n, 'c')))] },
        rows: { ct_item: [item(3n, 'c')] },
      },
    ],
  },
  {
    title: 'a column added without a default is seen with the next row',
    keyspace: 'commerce',
    tables: { ct_item: ITEM },
    steps: [
      { do: 'stream', from: 'current', expect: {} },
      write({ op: 'insert', table: 'ct_item', row: item(1n, 'a') }),
      ddl('alter table ct_item add column extra int'),
      write({ op: 'insert', table: 'ct_item', row: { ...item(2n, 'b'), extra: 7 } }),
      {
        do: 'stream',
        expect: {
          0: [
            ...transaction(insert('ct_item', item(1n, 'a'))),
            'ddl ct_item',
            ...transaction(insert('ct_item', { ...item(2n, 'b'), extra: 7 })),
          ],
        },
        rows: { ct_item: [item(1n, 'a'), { ...item(2n, 'b'), extra: 7 }] },
      },
    ],
  },
  {
    title: 'a column added to a running stream arrives with its name, and its default reaches old rows',
    keyspace: 'commerce',
    tables: { ct_item: ITEM },
    steps: [
      write({ op: 'insert', table: 'ct_item', row: item(1n, 'a') }),
      {
        do: 'stream',
        until: 'never',
        meanwhile: [
          ddl('alter table ct_item add column extra int not null default 5'),
          write({ op: 'insert', table: 'ct_item', row: { ...item(2n, 'b'), extra: 7 } }),
        ],
        expect: {
          0: [
            ...copied('ct_item', item(1n, 'a')),
            end('ct_item'),
            'rows-changed ct_item',
            ...transaction(insert('ct_item', { ...item(2n, 'b'), extra: 7 })),
          ],
        },
        versions: ['ct_item(id bigint, name varchar(20))', 'ct_item(id bigint, name varchar(20), extra int)'],
        rows: {
          ct_item: [
            { ...item(1n, 'a'), extra: 5 },
            { ...item(2n, 'b'), extra: 7 },
          ],
        },
      },
    ],
  },
  {
    title: 'columns put in another order keep their values, by name',
    keyspace: 'commerce',
    tables: { ct_item: PRICED },
    steps: [
      write({ op: 'insert', table: 'ct_item', row: priced(1n, 10, 'a') }),
      {
        do: 'stream',
        until: 'never',
        meanwhile: [
          ddl('alter table ct_item modify column note varchar(20) first'),
          write({ op: 'insert', table: 'ct_item', row: priced(2n, 20, 'b') }),
          write({ op: 'update', table: 'ct_item', where: { id: 1n }, set: { note: 'A' } }),
        ],
        expect: {
          0: [
            ...copied('ct_item', priced(1n, 10, 'a')),
            end('ct_item'),
            'ddl ct_item',
            ...transaction(insert('ct_item', priced(2n, 20, 'b'))),
            ...transaction(update('ct_item', priced(1n, 10, 'a'), priced(1n, 10, 'A'))),
          ],
        },
        versions: ['ct_item(id bigint, price int, note varchar(20))', 'ct_item(note varchar(20), id bigint, price int)'],
        rows: { ct_item: [priced(1n, 10, 'A'), priced(2n, 20, 'b')] },
      },
    ],
  },
  {
    title: 'a table renamed into place is another table under the name',
    keyspace: 'commerce',
    tables: {
      ct_item: ITEM,
      ct_new: 'create table ct_new (id bigint not null, name varchar(20), primary key (id))',
      ct_old: 'create table ct_old (id bigint not null, primary key (id))',
    },
    steps: [
      ddl('drop table ct_old'),
      write({ op: 'insert', table: 'ct_item', rows: [item(1n, 'a'), item(2n, 'b')] }),
      write({ op: 'insert', table: 'ct_new', rows: [item(2n, 'B'), item(3n, 'C')] }),
      { do: 'stream', tables: { ct_item: {} }, expect: { 0: [...copied('ct_item', item(1n, 'a'), item(2n, 'b')), end('ct_item')] } },
      ddl('rename table ct_item to ct_old, ct_new to ct_item'),
      write({ op: 'update', table: 'ct_item', where: { id: 3n }, set: { name: 'CC' } }),
      {
        do: 'stream',
        tables: { ct_item: {} },
        expect: { 0: ['rows-changed ct_item', ...transaction(update('ct_item', item(3n, 'C'), item(3n, 'CC')))] },
        rows: { ct_item: [item(2n, 'B'), item(3n, 'CC')] },
      },
    ],
  },
  {
    title: `a transaction of ${BIG} rows is one transaction`,
    keyspace: 'commerce',
    large: true,
    tables: { ct_item: ITEM },
    // Made when it is played: every file that imports the others would pay for it.
    get steps(): Scenario['steps'] {
      const rows = Array.from({ length: BIG }, (_, at) => numbered(at + 1));
      return [
        { do: 'stream', from: 'current', expect: {} },
        write({ op: 'insert', table: 'ct_item', rows }),
        { do: 'stream', expect: { 0: transaction(...rows.map((row) => insert('ct_item', row))) } },
      ];
    },
  },
  {
    title: 'values are the same copied and replicated, at the edges of their types',
    keyspace: 'commerce',
    tables: {
      ct_value:
        'create table ct_value (id bigint not null, ub bigint unsigned, i int, tiny tinyint, exact decimal(30,10), d double, ' +
        "e enum('small','it''s'), s set('a','b','c'), b bit(10), y year, day date, dt datetime(6), t time(3), txt varchar(100), bin varbinary(10), j json, primary key (id))",
    },
    steps: [
      write({ op: 'insert', table: 'ct_value', rows: [low, high, none] }),
      { do: 'stream', expect: { 0: [...copied('ct_value', low, high, none), end('ct_value')] }, rows: { ct_value: [low, high, none] } },
      write({ op: 'delete', table: 'ct_value', where: { id: 1n } }),
      write(
        { op: 'insert', table: 'ct_value', row: low },
        { op: 'update', table: 'ct_value', where: { id: 3n }, set: { ...high, id: 3n } },
      ),
      {
        do: 'stream',
        expect: {
          0: [
            ...transaction(remove('ct_value', low)),
            ...transaction(insert('ct_value', low), update('ct_value', none, { ...high, id: 3n })),
          ],
        },
        rows: { ct_value: [low, high, { ...high, id: 3n }] },
      },
    ],
  },
];
