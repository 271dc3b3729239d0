/**
 * Filters evaluated by the client on both images. Layer 3.
 * The server sends an update when either image passes, and says nothing afterwards (measured.md section 2): an update that leaves
 * the filter becomes a delete here, one that enters it an insert.
 */
import type { RowFilter } from '../schema/where.js';
import type { ChangeRecord } from './record.js';
import { withPlace } from './row-failure.js';

/** The changes a consumer sees; the same array when no filter is in force. */
export function applyFilter(changes: ChangeRecord[]): ChangeRecord[] {
  let out: ChangeRecord[] | undefined;
  for (let index = 0; index < changes.length; index++) {
    const change = changes[index] as ChangeRecord;
    const passes = change.context.filter;
    if (!passes) {
      out?.push(change);
      continue;
    }
    out ??= changes.slice(0, index);
    const [before, after] = imagesPassing(change, passes);
    if (!before && !after) continue;
    if (change.op === 'update' && before !== after) change.op = after ? 'insert' : 'delete';
    out.push(change);
  }
  return out ?? changes;
}

function imagesPassing(change: ChangeRecord, passes: RowFilter): readonly [before: boolean, after: boolean] {
  try {
    const before = change.op === 'update' || change.op === 'delete' ? passes(change, 'before') : false;
    return [before, change.op === 'delete' ? false : passes(change, 'after')];
  } catch (error) {
    throw withPlace(error, change.group);
  }
}
