/** Rows with absent columns, completed from what is stored. Layer 5. */
import { groupBy } from '../../internal/group.js';
import { shardsOverlap } from '../../position/keyrange.js';
import type { TableVersion } from '../../schema/table.js';
import type { Target } from './catalog.js';
import type { Row } from './compact.js';
import type { Database } from './driver.js';
import { keySources, type EraseOptions } from './erase.js';
import { META, META_PREFIX, quoteName, quoteText } from './identifiers.js';
import { append, rowSources, type LoadRow } from './load.js';

/**
 * Loads rows into temporary tables and returns these as select statements. Absent columns are taken from the version that the shard
 * of their change has stored, so this comes before that is removed. A row that is not stored gets NULL there: it is one the copy has not
 * reached, and the copy brings it whole. `label` keeps the tables of several calls apart.
 */
export async function completeRows(
  database: Database,
  target: Target,
  version: TableVersion,
  rows: readonly Row[],
  label: string,
  options: EraseOptions,
): Promise<readonly CompletedRows[]> {
  const { driver, connection } = database;
  const several = options.shards.size > 1;
  const groups = groupBy(
    rows,
    (row) => `${row.version.fingerprint} ${absentColumns(row).join()} ${several ? row.from : ''} ${row.origin?.version.fingerprint ?? ''}`,
  );
  const origins = version.key.map((_, index) => quoteName(`${META_PREFIX}origin_${index}`));
  const completed: CompletedRows[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    if (!first) continue;
    const name = `_vstream_${label}_${target.id}_${completed.length}`;
    const keys = version.key.map((column, index) => `t.${quoteName(column)} as ${origins[index]}`);
    await connection.run(`create or replace temp table ${name} as select t.*, ${keys.join(', ')} from ${target.sql} as t limit 0`);
    const from = first.origin?.version ?? first.version;
    const sources = [
      ...rowSources(driver, target, first.version, options),
      ...keySources<LoadRow>(driver, target, from, version.key, options, (row) => row.origin?.cells ?? row.cells),
    ];
    await append(database, { catalog: 'temp', schema: null, name }, sources, group, options.signal);
    const absent = absentColumns(first).map((index) => quoteName(first.version.columns[index]?.name ?? ''));
    if (absent.length > 0) {
      const set = absent.map((column) => `${column} = t.${column}`).join(', ');
      const match = version.key.map((column, index) => `p.${origins[index]} = t.${quoteName(column)}`).join(' and ');
      for (const stored of storedVersions(target, version, first.from, options)) {
        await connection.run(`update temp.${name} as p set ${set} from ${stored} as t where ${match}`);
      }
    }
    completed.push({ table: `temp.${name}`, select: `* exclude (${origins.join(', ')})` });
  }
  return completed;
}

export interface CompletedRows {
  readonly table: string;
  /** The target's columns, for a select from that table. */
  readonly select: string;
}

/** Where versions of this shard are; a later one wins. */
function storedVersions(target: Target, version: TableVersion, shard: string, { shards }: EraseOptions): string[] {
  if (shards.size <= 1) return [target.sql];
  const own = `${META.shard} in (${[...shards]
    .filter((one) => shardsOverlap(one, shard))
    .map(quoteText)
    .join(', ')})`;
  const visible = `(select * from ${target.sql} where ${own})`;
  if (target.displaced.rows === 0) return [visible];
  // Shards that were merged may have left one version each.
  const last = `qualify row_number() over (partition by ${version.key.map(quoteName).join(', ')} order by ${META.order} desc) = 1`;
  return [`(select * from ${target.displaced.sql} where ${own} ${last})`, visible];
}

function absentColumns(row: Row): number[] {
  return Array.from({ length: row.cells.count }, (_, index) => index).filter((index) => row.cells.isAbsent(index));
}
