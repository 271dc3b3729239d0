/**
 * The copied rows of one RPC that belong to the range asked for. Layer 3.
 *
 * The server copies from the key before the range to the table's end, as a filter in the request would drop the table's changes outside
 * of the range as well. So rows before the range are left out here, and with the first row behind it the shard is done, although
 * its copy goes on at the server until the RPC ends.
 */
import type { CopyPlan, ShardCopy } from '../position/plan.js';
import type { RangeCopy } from '../position/range-copy.js';
import { compileRange, keyRangeOf, type RangeTests } from '../schema/key-range.js';
import type { TableRef, TableVersion } from '../schema/table.js';
import type { Progress } from './change.js';
import type { ChangeRecord } from './record.js';
import { withPlace } from './row-failure.js';
import type { GroupUnit } from './units.js';

/** Bytes of rows nobody wants after which a new request, without the shards that are done, costs less. */
const VAIN_BYTES = 4 * 1024 * 1024;

export interface RangeCut {
  readonly rows: ChangeRecord[];
  /** No row of the range is left on the shard. */
  readonly ended: boolean;
}

export class RangeRows {
  readonly #copying: TableRef | undefined;
  readonly #range: RangeCopy | undefined;
  /** Shards whose range is done while the server still copies. */
  readonly #ended = new Set<string>();
  readonly #tests = new Map<TableVersion, RangeTests>();
  #vainBytes = 0;

  /** With the plan the RPC began with. */
  constructor(plan: CopyPlan, copying: TableRef | undefined) {
    this.#copying = copying;
    this.#range = copying && plan.table(copying.keyspace, copying.table)?.range;
  }

  /** True for a group of a shard whose range is done. Its position is not taken either: the next request begins before it. */
  dropsGroup({ shard, vgtid, bytes }: GroupUnit, { keyspace, table }: TableRef): boolean {
    if (keyspace !== this.#copying?.keyspace || table !== this.#copying.table || !this.#ended.has(shard)) return false;
    this.#vainBytes += bytes;
    // The server is at the end of the table: what it copies from now on it began again.
    if (vgtid && !vgtid.pending.some((one) => one.table === table)) this.#ended.delete(shard);
    return true;
  }

  take(unit: GroupUnit, range: RangeCopy | undefined): RangeCut {
    const { changes, shard, vgtid } = unit;
    if (!range) return { rows: changes, ended: false };
    const rows: ChangeRecord[] = [];
    for (const change of changes) {
      const side = this.#sideOf(change, range);
      if (side === 'inside') rows.push(change);
      else if (side === 'beyond') {
        if (vgtid?.pending.some((one) => one.table === change.table)) this.#ended.add(shard);
        return { rows, ended: true };
      }
    }
    return { rows, ended: false };
  }

  #sideOf(change: ChangeRecord, range: RangeCopy): 'inside' | 'outside' | 'beyond' {
    const version = change.schema;
    try {
      let tests = this.#tests.get(version);
      if (!tests) this.#tests.set(version, (tests = compileRange(range, version)));
      const cells = change.context.decoder.cells(change, 'after');
      return tests.beyond(cells) ? 'beyond' : tests.inside(cells) ? 'inside' : 'outside';
    } catch (error) {
      throw withPlace(error, change.group);
    }
  }

  /** True when a new request serves better, by the plan as it is now. */
  areRead(plan: CopyPlan): boolean {
    const copying = this.#copying;
    if (!copying) return false;
    const entry = plan.table(copying.keyspace, copying.table);
    if (entry?.range && entry.range.generation !== this.#range?.generation) return true;
    return this.#ended.size > 0 && (this.#vainBytes > VAIN_BYTES || plan.isDone(copying.keyspace, copying.table));
  }
}

/** Rows of older generations are to be swept: all, or those of the range that was copied. */
export function tableEnd(
  { keyspace, table }: TableRef,
  shard: string,
  { generation, rows }: ShardCopy,
  range: RangeCopy | undefined,
): Progress {
  const end = { type: 'table-end', keyspace, table, shard, generation, rows, sweep: generation > 1 } as const;
  return range ? { ...end, range: keyRangeOf(range) } : end;
}
