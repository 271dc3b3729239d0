/** Hands one batch to a sink in the order the contract promises, and tries again what passes. Layer 4. */
import { messageOf, VStreamError } from '../errors.js';
import { type Clock, delay } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { Batch, Change } from '../stream/change.js';
import { createBackoff } from '../supervise/backoff.js';
import { changeOf } from './at-change.js';
import type { ApplyContext, Sink } from './sink.js';
import { rangesNeeded } from './sweep-needed.js';

const FIRST_WAIT_MS = 250;
const NEXT = 'Mend the destination and start again: nothing of this batch counts as applied.';

export interface ApplyOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  /** How long a batch is tried again after its first failure, milliseconds; 0 = not at all. */
  readonly retryMs: number;
  /** Awaited before each try: nothing is written while the stream may be another's. */
  ready?(): Promise<void>;
  /** Told of each failed try that is followed by another, and with undefined when one of those succeeded. */
  failed?(error: VStreamError | undefined): void;
}

/** Truncates, sweeps and schema changes come before the batch that carries their position: a replay repeats them harmlessly. */
async function applyOnce(sink: Sink, batch: Batch, context: ApplyContext, logger: Logger): Promise<void> {
  const { schema, progress } = batch;
  if (schema?.kind === 'truncate') {
    if (!sink.truncate)
      logger.warn(
        { keyspace: schema.keyspace, table: schema.table, shard: schema.shard },
        'the sink has no `truncate`: rows that a TRUNCATE removed stay there',
      );
    await sink.truncate?.(schema, schema.shard, context);
  }
  if (schema && schema.kind !== 'truncate') await sink.schema?.(schema, context);
  if (progress?.type === 'table-end' && progress.sweep) {
    const { keyspace = '', table = '', shard = '', generation = 1 } = progress;
    if (!sink.sweep)
      logger.warn({ keyspace, table, shard, generation }, 'rows were copied a second time, and the sink cannot sweep those that are gone');
    if (!progress.range) await sink.sweep?.({ keyspace, table }, shard, generation, context);
    else if (sink.sweepRange) await sink.sweepRange({ keyspace, table }, shard, generation, progress.range, context);
    else throw rangesNeeded({ keyspace, table });
  }
  await sink.apply(batch, context);
}

/** @throws VStreamError the sink's own, or `SINK_FAILED` with the coordinates of the batch. */
export async function applyBatch(sink: Sink, batch: Batch, context: ApplyContext, options: ApplyOptions): Promise<void> {
  const { clock, random, retryMs } = options;
  const begun = clock.monotonic();
  const backoff = createBackoff({ clock, random, minMs: FIRST_WAIT_MS, budgetMs: retryMs });
  for (let attempt = 1; ; attempt++) {
    await options.ready?.();
    try {
      await applyOnce(sink, batch, context, options.logger);
      if (attempt > 1) options.failed?.(undefined);
      return;
    } catch (error) {
      const failure = VStreamError.is(error) ? error : sinkFailed(error, batch);
      // The sink's own word counts: what it calls final is not tried again.
      const final = failure.code === 'HANDLER_FAILED' || (VStreamError.is(error) && failure.category !== 'retry');
      const waitMs = final || retryMs === 0 || context.signal.aborted ? undefined : backoff.next();
      if (waitMs === undefined) throw final || attempt === 1 ? failure : givenUp(failure, batch, attempt, clock.monotonic() - begun);
      options.failed?.(failure);
      // Its next step is for when this is given up.
      const { next: _, ...told } = failure.toJSON();
      options.logger.warn({ ...told, attempt, waitMs: Math.round(waitMs) }, 'the sink refused a batch; trying again');
      await delay(clock, waitMs, context.signal).catch(() => {
        throw failure;
      });
    }
  }
}

function sinkFailed(error: unknown, batch: Batch): VStreamError {
  const change = changeOf(error);
  const { keyspace, shard, table, position } = whereIs(batch, change);
  return new VStreamError('SINK_FAILED', `the sink refused a batch (${describePlace(batch, change)}): ${messageOf(error)}`, {
    keyspace,
    shard,
    table,
    position,
    next: NEXT,
    cause: error,
  });
}

/** After several tries: what a sink says of itself names neither the batch nor what to do. */
function givenUp(failure: VStreamError, batch: Batch, attempts: number, ms: number): VStreamError {
  const own = failure.table === undefined && failure.next === undefined;
  const { keyspace, shard, table, position } = own ? whereIs(batch) : failure;
  const tries = `tried ${attempts} times within ${Math.round(ms / 1000)} s`;
  return new VStreamError(failure.code, `${failure.message} (${tries}${own ? `: ${describePlace(batch)}` : ''})`, {
    category: failure.category,
    keyspace,
    shard,
    table,
    column: failure.column,
    position,
    next: failure.next ?? NEXT,
    cause: failure.cause ?? failure,
  });
}

/** Coordinates of the first change, or of the one that is named, for errors and logs. */
export function whereIs(
  { kind, changes }: Batch,
  named?: Change,
): {
  readonly kind: string;
  readonly rows: number;
  readonly keyspace?: string;
  readonly shard?: string;
  readonly table?: string;
  readonly position?: string;
} {
  const rows = changes.length;
  const change = named ?? changes[0];
  if (!change) return { kind, rows };
  const { keyspace, shard, table, gtid } = change;
  return { kind, rows, keyspace, shard, table, ...(gtid === undefined ? {} : { position: gtid }) };
}

/**
 * `12 changes from commerce.orders on -80 (UUID:5, change 0) to commerce.customer on 80- (UUID:7, change 3)`, after `at commerce.orders on
 * -80 (UUID:6, change 1), of ` where one is named. A copied row has no transaction: its place in the batch tells it, its key would be data.
 */
export function describePlace({ kind, changes }: Pick<Batch, 'kind' | 'changes'>, named?: Change): string {
  const [first, last] = [changes[0], changes.at(-1)];
  if (!first || !last) return `${kind} batch`;
  const at = ({ keyspace, table, shard, gtid, ordinal }: Change, copied: string): string =>
    `${keyspace}.${table} on ${shard} (${gtid === undefined ? copied : `${gtid}, change ${ordinal}`})`;
  const [from, to] = [at(first, 'copied'), at(last, 'copied')];
  if (changes.length === 1) return `1 change of ${from}`;
  if (named) return `at ${at(named, `copied, row ${changes.indexOf(named) + 1}`)}, of ${describePlace({ kind, changes })}`;
  return `${changes.length} changes ${from === to ? `of ${from}` : `from ${from} to ${to}`}`;
}
