/** Definitions against live columns: the server would say nothing about any of these (measured.md section 4). */
import { expect, test } from 'vitest';
import type { VStreamError } from '../errors.js';
import type { TableOptions } from '../schema/define.js';
import type { ColumnInfo } from '../sql/tables.js';
import { checkDefinition } from './check-definition.js';

const column = (name: string, type: string, collation?: string): ColumnInfo => ({
  table: 'orders',
  name,
  type,
  nullable: true,
  charset: undefined,
  collation,
  extra: '',
  comment: '',
  position: 1,
});
const LIVE = [
  column('id', 'bigint'),
  column('Total', 'decimal(9,2)'),
  column('shape', 'hyperbola'),
  column('name', 'varchar(20)', 'utf8mb4_0900_ai_ci'),
  column('code', 'varchar(20)', 'utf8mb4_bin'),
  column('made', 'datetime(3)'),
  column('doc', 'json'),
];

function check(definition: TableOptions): void {
  checkDefinition({ keyspace: 'shop', table: 'orders' }, definition, LIVE, [{ table: 'orders', column: 'id', position: 1 }]);
}

test.each<[TableOptions]>([
  [{}],
  [{ columns: ['id', 'Total'], where: 'total > 5', types: { Total: 'number' } }],
  [{ where: "code = 'x' and made >= '2024-02-29 12:34:56.000' and id in (1, 2)" }],
  [{ types: { gone: 'hex', id: () => 1 } }],
  [{ types: { shape: 'geometry' } }],
])('%j fits: what only FIELD can decide is left to it', (definition) => {
  check(definition);
});

test.each<[string, TableOptions, Partial<VStreamError>]>([
  ['a column that is not there', { columns: ['id', 'totl'] }, { code: 'COLUMN_NOT_FOUND', column: 'totl', next: 'Did you mean "Total"?' }],
  [
    'a filter on a column that is not there',
    { where: 'id > 1 and ghost = 2' },
    { code: 'COLUMN_NOT_FOUND', column: 'ghost', message: 'shop.orders has no column "ghost", which its `where` names' },
  ],
  [
    'a filter on a column that is not streamed',
    { columns: ['id'], where: 'Total > 1' },
    { code: 'COLUMN_NOT_FOUND', column: 'Total', message: 'shop.orders streams no column "Total", which its `where` names' },
  ],
  [
    'a filter on text that only the server can compare',
    { where: "name = 'x'" },
    { code: 'FILTER_REFUSED', column: 'name', message: expect.stringContaining('not a plain _bin one') },
  ],
  [
    'a filter with a time in another precision',
    { where: "made > '2024-02-29 12:34:56'" },
    {
      code: 'FILTER_REFUSED',
      column: 'made',
      message: expect.stringContaining("write '2024-02-29 12:34:56.000' in full"),
    },
  ],
  ['a filter on JSON', { where: "doc = '{}'" }, { code: 'FILTER_REFUSED', column: 'doc' }],
  ['a list without the key', { columns: ['Total'] }, { code: 'CONFIG_INVALID', column: 'id' }],
  [
    'an override of another type',
    { types: { Total: 'hex' } },
    { code: 'CONFIG_INVALID', column: 'Total', next: 'Use one of string, number, or a function.' },
  ],
])('%s is refused with its coordinates', (_, definition, error) => {
  expect(() => check(definition)).toThrow(expect.objectContaining({ ...error, keyspace: 'shop', table: 'orders' }));
});
