import { describe, expect, test } from 'vitest';
import { judgeStatement, type RowsChanged, type StatementMeaning } from './statements.js';
import type { KnownColumn } from './retype.js';

const COLUMNS: Readonly<Record<string, KnownColumn>> = {
  price: { type: 'double', charset: undefined, certain: true },
  count: { type: 'int', charset: undefined, certain: true },
};

function judge(statement: string, decision: RowsChanged = 'recopy', known = COLUMNS): StatementMeaning & { reasons: string[] } {
  const reasons: string[] = [];
  const meaning = judgeStatement(
    { kind: 'statement', keyspace: 'k', shard: '-80', statement, gtid: undefined, vgtid: undefined } as never,
    {
      isActive: ({ table }) => table === 't',
      rowsChanged: (_, reason) => {
        reasons.push(reason);
        return decision;
      },
      columnOf: (_, name) => known[name],
    },
  );
  return { ...meaning, reasons };
}

describe('a table whose column is defined anew', () => {
  test('is copied again when the type changes values: MySQL rounds them without an event', () => {
    const { changes, recopy, perhapsGone, reasons } = judge('alter table t modify price decimal(10,2)');
    expect(changes).toMatchObject([{ kind: 'rows-changed', table: 't' }]);
    expect(recopy).toEqual([{ keyspace: 'k', table: 't' }]);
    expect(reasons).toEqual(['a column took a type that rounds or respells its values (price)']);
    expect(perhapsGone.size).toBe(0);
  });

  test('is not when every value stays what it is, or the column is not known as it was', () => {
    for (const statement of ['alter table t modify count bigint', 'alter table t modify other int', 'alter table u modify price int']) {
      const { changes, recopy } = judge(statement);
      expect(changes.map(({ kind }) => kind)).toEqual(statement.includes('table u') ? [] : ['ddl']);
      expect(recopy).toEqual([]);
    }
  });

  test('ends the stream by policy, with the column and the next step', () => {
    expect(() => judge('alter table t modify count bigint, change price price int', 'fail')).toThrow(/k\.t changed .* \(price\)/);
  });
});

test('a table whose primary key changes is copied again: a sink holds its rows under the old one, or as a log', () => {
  expect(judge('alter table t drop primary key, add primary key (a, b)').recopy).toEqual([{ keyspace: 'k', table: 't' }]);
  expect(judge('alter table t add primary key (a)').reasons).toEqual(['its primary key was changed']);
});
