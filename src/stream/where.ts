/**
 * Filters evaluated by the client on both images. Layer 3.
 * The server sends an update when either image passes, and says nothing afterwards (measured.md section 2): an update that leaves
 * the filter becomes a delete here, one that enters it an insert.
 */
import type { VStreamError } from '../errors.js';
import type { RowFilter } from '../schema/where.js';
import type { ChangeRecord } from './record.js';
import { isRowError, withPlace } from './row-failure.js';

/** Rows whose filter could not be evaluated, each with why: they are handed on for the consumer's policy to decide. */
const UNJUDGED = new WeakMap<ChangeRecord, VStreamError>();

/** Why a change handed out could not be judged by its table's filter; undefined for all others. */
export function unjudged(change: ChangeRecord): VStreamError | undefined {
  return change.context.filter ? UNJUDGED.get(change) : undefined;
}

/**
 * The changes a consumer sees; the same array when no filter is in force.
 * @param keepsUnjudged a row with cells that cannot be read is handed on, see `unjudged`, instead of thrown
 */
export function applyFilter(changes: ChangeRecord[], keepsUnjudged = false): ChangeRecord[] {
  let out: ChangeRecord[] | undefined;
  for (let index = 0; index < changes.length; index++) {
    const change = changes[index] as ChangeRecord;
    const passes = change.context.filter;
    if (!passes) {
      out?.push(change);
      continue;
    }
    out ??= changes.slice(0, index);
    const judged = imagesPassing(change, passes, keepsUnjudged);
    if (!judged) {
      out.push(change);
      continue;
    }
    const [before, after] = judged;
    if (!before && !after) continue;
    if (change.op === 'update' && before !== after) change.op = after ? 'insert' : 'delete';
    out.push(change);
  }
  return out ?? changes;
}

function imagesPassing(
  change: ChangeRecord,
  passes: RowFilter,
  keepsUnjudged: boolean,
): readonly [before: boolean, after: boolean] | undefined {
  try {
    const before = change.op === 'update' || change.op === 'delete' ? passes(change, 'before') : false;
    return [before, change.op === 'delete' ? false : passes(change, 'after')];
  } catch (error) {
    const placed = withPlace(error, change.group);
    if (!keepsUnjudged || !isRowError(placed)) throw placed;
    UNJUDGED.set(change, placed);
    return undefined;
  }
}
