/**
 * What a failure means and what to do next. Layer 3. The table itself is `transport/failures.ts`: the transport needs it to
 * throw the right error, and nothing else may know server texts.
 */
import { VStreamError } from '../errors.js';
import { classifyStatus, type Failure } from '../transport/failure.js';
import { serverStatusOf } from '../transport/status.js';

export { classifyStatus, findRule, type Failure } from '../transport/failure.js';
export type { FailureRule } from '../transport/failure-rule.js';
export { RPC_FAILURES, SQL_FAILURES } from '../transport/failures.js';
export { serverStatus, serverStatusOf, type ServerStatus } from '../transport/status.js';

/** The failure behind any error: from the server's words where there are some, else from the error's own code. */
export function classify(error: unknown): Failure {
  const status = serverStatusOf(error);
  if (VStreamError.is(error)) {
    const probe = status !== undefined && classifyStatus(status).probe;
    return { code: error.code, category: error.category, probe, says: error.message, next: error.next ?? '' };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { code: 'INTERNAL', category: 'fatal', probe: false, says: text, next: 'Report this as a bug of vstream-client.' };
}

/** Trying again can help: `retry`, or `refresh` after looking topology and credentials up again. */
export function isPassing(failure: Failure): boolean {
  return failure.category === 'retry' || failure.category === 'refresh';
}
