/** Meets transactions the server cannot decode: asks which one it is and says how to go on. The effect beside supervise/undecodable.ts. Layer 3. */
import { VStreamError } from '../errors.js';
import type { Logger } from '../observe/logger.js';
import type { Position } from '../position/position.js';
import { selectServerGtids } from '../sql/gtids.js';
import { runStatement } from '../sql/statement.js';
import type { TabletKind } from '../sql/target.js';
import { findUndecodable, MAX_STEPS, UndecodableHistory, type UndecodableVerdict } from '../supervise/undecodable.js';
import { failedSetInText } from '../transport/failed-at.js';
import { serverStatusOf } from '../transport/status.js';
import type { Transport } from '../transport/transport.js';

/** `fail`, or step over the transaction and copy the tables it may have changed again. */
export type UndecodablePolicy = 'fail' | 'skip-and-recopy';

export interface UndecodableOptions {
  readonly policy: UndecodablePolicy;
  readonly transport: Transport;
  readonly tabletKind: TabletKind;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Add this transaction to the shard's position and copy the tables again. */
export interface StepOver {
  readonly keyspace: string;
  readonly shard: string;
  readonly gtid: string;
  /** The shard's position with that transaction in it. */
  readonly position: string;
}

interface Place {
  readonly keyspace: string;
  readonly shard: string;
  readonly gtid: string;
}

export class UndecodableSteps {
  readonly #options: UndecodableOptions;
  readonly #history = new UndecodableHistory();

  constructor(options: UndecodableOptions) {
    this.#options = options;
  }

  /**
   * What to do about a stream that ended with `TRANSACTION_UNDECODABLE` at this position: step over one transaction, or
   * (undefined) reconnect, once, as the cause may have passed.
   * @throws VStreamError `TRANSACTION_UNDECODABLE` with shard, position and candidates, where policy or doubt forbid the step
   */
  async judge(failure: VStreamError, position: Position): Promise<StepOver | undefined> {
    const { policy, logger } = this.#options;
    const place = placeOf(failure, position);
    if (!place) throw enriched(failure, undefined, undefined, 'the server does not say on which shard');
    const name = `${place.keyspace}/${place.shard}`;
    const action = this.#history.met(name, place.gtid);
    if (action === 'reconnect') return undefined;
    const status = serverStatusOf(failure);
    const text = status?.text ?? failure.message;
    const verdict = findUndecodable({
      position: place.gtid,
      executed: await this.#executed(place),
      failedAt: failedSetInText(text),
    });
    if (action === 'give-up') throw enriched(failure, place, verdict, `stepping over ${MAX_STEPS} transactions did not help`);
    if (policy === 'fail') throw enriched(failure, place, verdict, undefined);
    if (verdict.kind === 'ambiguous') throw enriched(failure, place, verdict, 'which transaction it is cannot be told');
    if (verdict.kind === 'unknown') throw enriched(failure, place, verdict, 'no transaction after the position is known');
    const step = { keyspace: place.keyspace, shard: place.shard, gtid: verdict.gtid, position: verdict.position };
    this.#history.stepped(name, verdict.position);
    logger.warn(
      { ...failure.toJSON(), keyspace: place.keyspace, shard: place.shard, gtid: verdict.gtid },
      'stepping over a transaction the server cannot decode; its tables are copied again',
    );
    return step;
  }

  /** Of the streamed tablet type, which sends the stream, and of the primary, which has every transaction first. */
  async #executed({ keyspace, shard }: Place): Promise<readonly string[]> {
    const { transport, tabletKind, signal } = this.#options;
    const kinds: readonly TabletKind[] = tabletKind === 'primary' ? ['primary'] : [tabletKind, 'primary'];
    const answers = await Promise.all(
      kinds.map((kind) =>
        runStatement(transport, selectServerGtids(keyspace, shard, kind), { signal }).catch((error: unknown) => {
          // A refused statement is an answer that is missing; a lost connection is an outage, and passes.
          if (serverStatusOf(error)?.from === 'sql') return undefined;
          throw error;
        }),
      ),
    );
    return answers.flatMap((one) => (one ? [one.executed] : []));
  }
}

/** Where the stream stood on the shard the error names; a stream of one shard needs no name. */
function placeOf({ keyspace, shard }: VStreamError, { shards }: Position): Place | undefined {
  const [only] = shards;
  if (keyspace === undefined && shards.length === 1) return only;
  return shards.find((one) => one.keyspace === keyspace && one.shard === shard);
}

function enriched(
  failure: VStreamError,
  place: Place | undefined,
  verdict: UndecodableVerdict | undefined,
  why: string | undefined,
): VStreamError {
  const candidates = verdict?.kind === 'found' ? [verdict.gtid] : verdict?.kind === 'ambiguous' ? verdict.candidates : [];
  const which =
    candidates.length === 0
      ? ''
      : candidates.length === 1
        ? `; it is transaction ${candidates[0]}`
        : `; it is one of the transactions ${candidates.join(', ')}`;
  const where = place ? ` (shard ${place.keyspace}/${place.shard}${which})` : '';
  return new VStreamError(failure.code, `${failure.message}${where}${why === undefined ? '' : `: ${why}`}`, {
    category: 'fatal',
    keyspace: place?.keyspace ?? failure.keyspace,
    shard: place?.shard ?? failure.shard,
    position: place?.gtid,
    next: nextStep(verdict),
    cause: failure.cause,
  });
}

function nextStep(verdict: UndecodableVerdict | undefined): string {
  if (verdict?.kind === 'found') {
    return "Set `onUndecodable: 'skip-and-recopy'` (the sink must be able to sweep), or upgrade Vitess; MySQL's binlog_row_value_options=PARTIAL_JSON is the known cause.";
  }
  if (verdict?.kind === 'ambiguous') {
    return 'Look at them with mysqlbinlog, add the right one to the position (`vstream state set`), and copy the tables it changed (`vstream copy TABLE`).';
  }
  return 'Look at the log of the tablet; upgrade Vitess, or begin anew with `vstream state reset`.';
}
