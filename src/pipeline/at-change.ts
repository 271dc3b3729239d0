/** Which change a piece of work of a sink or a function was about, kept beside what it threw. Layer 4. */
import { messageOf } from '../errors.js';
import type { Change } from '../stream/change.js';

const AT = new WeakMap<object, Change>();

/**
 * Does the work of one change, so that what it throws is told with this row's coordinates: keyspace, table, shard, transaction and place in
 * it. Resolves with what the work returns. Only work that is in here is meant, so changes may be worked on at once.
 *
 *     for (const change of batch.of('orders')) await atChange(change, () => index.put(change.after));
 */
export async function atChange<T>(change: Change, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error: unknown = typeof thrown === 'object' && thrown !== null ? thrown : new Error(messageOf(thrown));
    // The innermost: one inside another is the nearer.
    if (!AT.has(error as object)) AT.set(error as object, change);
    throw error;
  }
}

/** Errors wrapped more often than this are not looked into. */
const MAX_CAUSES = 10;

/** The change named by `atChange`, also where the error was wrapped into another one. */
export function changeOf(error: unknown): Change | undefined {
  let one = error;
  for (let depth = 0; depth < MAX_CAUSES && typeof one === 'object' && one !== null; depth++) {
    const change = AT.get(one);
    if (change) return change;
    one = (one as { readonly cause?: unknown }).cause;
  }
  return undefined;
}
