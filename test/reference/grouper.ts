/**
 * What a stream means, the slow and obvious way: one list per shard of groups of rows, each with the position it leads to.
 * Written from measured.md section 1 without a look at the client, as the other opinion in test/replay.test.ts.
 */
import type { ReferenceCell, ReferenceChange, ReferenceColumn, ReferenceEvent } from './events.js';

export interface ReferenceRow {
  readonly op: 'copy' | 'insert' | 'update' | 'delete';
  /** `keyspace.table`. */
  readonly table: string;
  readonly columns: readonly ReferenceColumn[];
  readonly before: readonly ReferenceCell[] | undefined;
  readonly after: readonly ReferenceCell[] | undefined;
  readonly sent: readonly boolean[] | undefined;
  readonly partialJson: readonly boolean[] | undefined;
  /** The transaction's own GTID; '' in the copy phase. */
  readonly gtid: string;
}

export interface ReferenceGroup {
  readonly kind: 'transaction' | 'copy' | 'statement' | 'empty';
  readonly rows: readonly ReferenceRow[];
  readonly statement: string;
  /** The shard's GTID set after the group; undefined where the group came without a vector and moves nothing. */
  readonly gtid: string | undefined;
  /** Tables of this shard whose copy is not finished after the group, as the vector says. */
  readonly copying: readonly string[];
}

/** Groups in order, by `keyspace/shard`. What is still open at the end of the recording is not part of it: it moved nothing. */
export function groupByShard(events: readonly ReferenceEvent[]): Map<string, ReferenceGroup[]> {
  const shards = new Map<string, ReferenceGroup[]>();
  const states = new Map<
    string,
    { rows: ReferenceRow[]; vgtid: ReferenceEvent | undefined; open: boolean; columns: Map<string, readonly ReferenceColumn[]> }
  >();
  for (const event of events) {
    if (event.shard === '') continue;
    let state = states.get(event.shard);
    if (!state) {
      state = { rows: [], vgtid: undefined, open: false, columns: new Map() };
      states.set(event.shard, state);
      shards.set(event.shard, []);
    }
    const close = (kind: ReferenceGroup['kind'], statement: string): void => {
      const mine = state.vgtid?.vgtid.find((one) => one.shard === event.shard);
      const copying = mine?.copying.map((one) => one.table) ?? [];
      shards.get(event.shard)?.push({ kind, rows: state.rows, statement, gtid: mine?.gtid, copying });
      state.rows = [];
      state.vgtid = undefined;
      state.open = false;
    };
    switch (event.type) {
      case 'BEGIN': // A second one replaces what was open: the copy of an empty table leaves a BEGIN without COMMIT.
        state.rows = [];
        state.vgtid = undefined;
        state.open = true;
        break;
      case 'FIELD':
        state.columns.set(event.table, event.columns);
        break;
      case 'ROW': // Vitess' own heartbeat rows belong to nobody's selection.
        if (event.internal) break;
        for (const change of event.changes) state.rows.push(rowOf(event, change, state.columns.get(event.table) ?? []));
        break;
      case 'VGTID':
        state.vgtid = event;
        break;
      case 'COMMIT':
        close(state.rows.length === 0 ? 'empty' : state.rows[0]?.op === 'copy' ? 'copy' : 'transaction', '');
        break;
      case 'DDL':
      case 'OTHER':
        if (!state.open) close(event.type === 'DDL' ? 'statement' : 'empty', event.statement);
        break;
      case 'ROLLBACK':
        state.rows = [];
        state.vgtid = undefined;
        state.open = false;
        break;
      default: // HEARTBEAT, VERSION, JOURNAL, COPY_COMPLETED: no rows, no position.
    }
  }
  return shards;
}

function rowOf(event: ReferenceEvent, change: ReferenceChange, columns: readonly ReferenceColumn[]): ReferenceRow {
  const copied = event.timestamp === 0;
  const op = change.before ? (change.after ? 'update' : 'delete') : copied ? 'copy' : 'insert';
  return { op, table: event.table, columns, ...change, gtid: event.gtid };
}
