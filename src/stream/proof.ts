/** What a server says of a position is the word of one tablet: SQL is asked whether it is so. Layer 3. */
import { VStreamError } from '../errors.js';
import type { Position } from '../position/position.js';
import type { TabletKind } from '../sql/target.js';
import { positionError } from '../supervise/positions.js';
import { probePositions } from '../supervise/probe.js';
import { serverStatusOf } from '../transport/status.js';
import type { Transport } from '../transport/transport.js';
import { isUnusable } from './recovery.js';

export interface ProofTools {
  readonly transport: Transport;
  readonly tabletKind: TabletKind;
  readonly signal: AbortSignal;
}

/**
 * The failure an RPC ended with, as it is to be treated. A tablet that lags, or was restored without the logs, refuses a position that others
 * of its shard serve: then it is tried again (`refresh`). Where SQL says the same, its answer; where nobody can be asked, the server's word.
 */
export async function proven(
  failure: VStreamError,
  { shards }: Position,
  { transport, tabletKind, signal }: ProofTools,
): Promise<VStreamError> {
  if (!isUnusable(failure) || !serverStatusOf(failure)) return failure;
  const { code, keyspace, shard, message } = failure;
  const concerned = shards.filter((one) => shard === undefined || (one.shard === shard && one.keyspace === keyspace));
  const answers = await probePositions(transport, concerned, tabletKind, { signal }).catch(() => undefined);
  for (const answer of answers ?? []) {
    const error = positionError(answer.verdict, answer.shard);
    if (error && isUnusable(error)) return error;
  }
  if (!answers || answers.some(({ verdict }) => verdict.verdict === 'unknown')) return failure;
  return new VStreamError('STREAM_LOST', `${message} (by SQL the position can be used: another tablet may serve it)`, {
    category: 'refresh',
    keyspace,
    shard,
    next: `The client tries again. If this stays, look at the tablets of the shard: one of them said ${code}.`,
    cause: failure.cause,
  });
}
