/** Statements that a tablet answers from what it knows of itself: its throttler, and tables it refuses. As a real one answered. */
import type { Shard } from './engine.js';
import type { Faults } from './faults.js';
import { SqlError } from './sql-values.js';

export interface TabletAnswer {
  readonly names: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export function tabletAnswer(text: string, shard: Shard, faults: Faults): TabletAnswer | undefined {
  const ruled = faults.hasRule(shard.keyspace, shard.name);
  switch (text.toLowerCase()) {
    case 'show vitess_throttler status': {
      const query = 'select unix_timestamp(now(6))-max(ts/1000000000) as replication_lag from _vt.heartbeat';
      return { names: ['shard', 'enabled', 'threshold', 'query'], rows: [[shard.name, ruled ? 1 : 0, 5, query]] };
    }
    case 'show vitess_throttled_apps': {
      // The first is there for tests of Vitess, always.
      const rules = [
        ['always-throttled-app', '2036-11-19 21:32:46', 1],
        ['vstreamer', '2036-11-22 22:08:03', 1],
      ];
      return { names: ['app', 'expire_at', 'ratio'], rows: ruled ? rules : rules.slice(0, 1) };
    }
    default:
      return readsNothing(text, shard, faults);
  }
}

/** `select 1 from … where 1 != 1`, of one table or several. */
function readsNothing(text: string, shard: Shard, faults: Faults): TabletAnswer | undefined {
  const tables = text.split(' union all ').map((part) => /^select 1 from `(\w+)` where 1 != 1$/.exec(part)?.[1]);
  const place = `target: ${shard.keyspace}.${shard.name}.primary`;
  for (const table of tables) {
    if (table === undefined) return undefined;
    if (faults.isMoved(shard.keyspace, table)) {
      const refused =
        'vttablet: rpc error: code = FailedPrecondition desc = disallowed due to rule: enforce denied tables (CallerID: userData1)';
      throw new SqlError(`query ${text} failed after retries: Code: FAILED_PRECONDITION\n${refused}\n\n${place}\n`, 13);
    }
    if (!shard.tables.has(table)) {
      const missing = `Table '${shard.database}.${table}' doesn't exist (errno 1146) (sqlstate 42S02)`;
      throw new SqlError(`${place}: vttablet: rpc error: code = NotFound desc = ${missing}`, 5);
    }
  }
  return { names: ['1'], rows: [] };
}
