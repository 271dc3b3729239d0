import { describe, expect, test } from 'vitest';
import { catalogOf, changeText, grouperOf } from '../../test/support/stream-fixture.js';
import { response, type RowSpec, ShardEvents } from '../../test/support/wire-events.js';
import type { GroupUnit } from './grouper.js';
import { applyFilter } from './where.js';

const source = new ShardEvents('-80');

function filtered(where: string | undefined, rows: readonly RowSpec[], time = 9): string[] {
  const grouper = grouperOf(['-80'], { catalog: catalogOf({ whereOf: () => where }) });
  const [unit] = grouper.push(
    response(source.begin(time), source.field('t', time), source.row('t', rows, time), source.vgtid([]), source.commit(time)),
  );
  return applyFilter((unit as GroupUnit).changes).map(changeText);
}

const image = (id: number): string[] => [String(id), 'x'];

describe('a filter judged on both images (measured.md section 2)', () => {
  test('an update that leaves it is a delete, one that enters it an insert, one inside it stays', () => {
    expect(
      filtered('id > 5', [
        { before: image(6), after: image(1) },
        { before: image(1), after: image(7) },
        { before: image(6), after: image(7) },
        { before: image(1), after: image(2) },
        { after: image(8) },
        { after: image(3) },
        { before: image(9) },
        { before: image(4) },
      ]),
    ).toEqual(['delete t 6 x ->', 'insert t 7 x', 'update t 6 x -> 7 x', 'insert t 8 x', 'delete t 9 x ->']);
  });

  test('the key of such a delete is that of the row that left', () => {
    const grouper = grouperOf(['-80'], { catalog: catalogOf({ whereOf: () => 'id > 5' }) });
    const [unit] = grouper.push(
      response(source.begin(9), source.field('t', 9), source.row('t', [{ before: image(6), after: image(1) }], 9), source.commit(9)),
    );
    const [change] = applyFilter((unit as GroupUnit).changes);
    expect(change?.key).toEqual({ id: 6n });
    expect([change?.afterCells, change?.after]).toEqual([undefined, undefined]);
    expect(change?.beforeCells?.value(0)).toBe(6n);
  });

  test('copied rows are judged too', () => {
    expect(filtered('id > 5', [{ after: image(6) }, { after: image(1) }], 0)).toEqual(['copy t 6 x']);
  });

  test('without one the very same list comes back', () => {
    const grouper = grouperOf(['-80']);
    const [unit] = grouper.push(
      response(source.begin(9), source.field('t', 9), source.row('t', [{ after: image(1) }], 9), source.commit(9)),
    ) as [GroupUnit];
    expect(applyFilter(unit.changes)).toBe(unit.changes);
  });
});
