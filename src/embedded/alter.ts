/** ALTER TABLE on a table of the engine. */
import { makeColumn, type Column } from './columns.js';
import type { ColumnChange, ColumnPlace } from './ddl.js';
import { TableStore, type TableVersion } from './table-store.js';
import { storeCell, type Cell, type Row } from './values.js';

/** The table after one change; the store it came from must not be used any more. `nextId` numbers the new version. */
export function alterTable(store: TableStore, change: ColumnChange, nextId: () => number): TableStore {
  const { columns } = store.version;
  const at = (name: string): number => {
    const index = columns.findIndex((column) => column.name === name);
    if (index < 0) throw new Error(`embedded engine: unknown column ${name} of ${store.version.name}`);
    return index;
  };
  const placeOf = (place: ColumnPlace, otherwise: number): number => (place === 'first' ? 0 : place ? at(place.after) + 1 : otherwise);
  const rebuild = (next: readonly Column[], cell: (row: Row, column: Column) => Cell): TableStore => {
    const key = store.version.key
      .map((index) => columns[index]?.name)
      .map((name) => next.findIndex((column) => column.name === name))
      .filter((index) => index >= 0);
    const version: TableVersion = { id: nextId(), name: store.version.name, columns: next, key };
    const rows = function* (): Iterable<Row> {
      for (const row of store.rows()) yield next.map((column) => cell(row, column));
    };
    return new TableStore(version, rows());
  };
  const keep = (row: Row, column: Column): Cell => row[columns.indexOf(column)] as Cell;
  switch (change.kind) {
    case 'index':
      store.version = { ...store.version, id: nextId() };
      return store;
    case 'add': {
      const added = makeColumn(change.column);
      const filled = storeCell(added, added.default ?? (added.nullable ? null : implicitDefault(added)));
      const next = columns.slice();
      next.splice(placeOf(change.place, columns.length), 0, added);
      return rebuild(next, (row, column) => (column === added ? filled : keep(row, column)));
    }
    case 'drop': {
      const index = at(change.name);
      return rebuild(
        columns.filter((_, other) => other !== index),
        keep,
      );
    }
    case 'rename': {
      const index = at(change.from);
      const next = columns.map((column, other) => (other === index ? { ...column, name: change.to } : column));
      store.version = { ...store.version, id: nextId(), columns: next };
      return store;
    }
    case 'modify': {
      const index = at(change.name);
      const old = columns[index] as Column;
      const changed = makeColumn({ ...change.column, key: old.key, ...(old.key ? { nullable: false } : {}) });
      const next = columns.filter((_, other) => other !== index);
      next.splice(
        change.place === undefined
          ? index
          : change.place === 'first'
            ? 0
            : next.findIndex((column) => column.name === (change.place as { after: string }).after) + 1,
        0,
        changed,
      );
      return rebuild(next, (row, column) => (column === changed ? convert(changed, row[index] as Cell) : keep(row, column)));
    }
  }
}

/** A stored cell under a changed column type, as far as a conversion makes sense. */
function convert(column: Column, cell: Cell): Cell {
  if (cell === null) return null;
  return storeCell(column, cell instanceof Uint8Array && column.kind === 'text' ? Buffer.from(cell).toString('utf8') : cell);
}

/** What MySQL puts into the rows that are there when a NOT NULL column without a default is added. */
function implicitDefault(column: Column): unknown {
  if (column.base === 'enum') return column.labels[0];
  if (column.kind === 'date') return '0000-00-00';
  if (column.kind === 'datetime') return '0000-00-00 00:00:00';
  if (column.kind === 'time') return '00:00:00';
  if (column.kind === 'json') return 'null';
  return column.kind === 'text' || column.kind === 'label' || column.kind === 'bytes' ? '' : 0;
}
