/**
 * Tells an outage, which passes, from a failure that will not: the same words at the same place again and again although the
 * server was there each time (protocol.md E.2). Progress of other shards proves nothing about the one that fails. Layer 3.
 */
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import type { Position } from '../position/position.js';
import { GRPC, serverStatusOf } from '../transport/status.js';

/** Same failure, same place: this often, and over at least this long, is no accident. */
export const REPEAT_LIMIT = 8;
export const REPEAT_MS = 120_000;

/** Outages look the same each time as well; for these time decides (the budget of the backoff), not the count. */
const OUTAGES: ReadonlySet<number> = new Set([GRPC.OK, GRPC.UNAVAILABLE, GRPC.CANCELLED, GRPC.DEADLINE_EXCEEDED, GRPC.RESOURCE_EXHAUSTED]);

interface Trouble {
  readonly what: string;
  readonly place: string;
  readonly since: number;
  readonly keyspace: string | undefined;
  readonly shard: string | undefined;
  count: number;
}

/** The failures of a stream since it last moved. One per stream. */
export class Repeats {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #trouble: Trouble | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** A failure was met and nothing has proven it over. */
  get open(): boolean {
    return this.#trouble !== undefined;
  }

  /** A shard's position moved. True when that ends the trouble: it was this shard's, or nobody's in particular. */
  movedOn(keyspace: string, shard: string): boolean {
    const trouble = this.#trouble;
    if (!trouble) return false;
    if (trouble.shard !== undefined && (trouble.shard !== shard || trouble.keyspace !== keyspace)) return false;
    this.#trouble = undefined;
    return true;
  }

  /** The stream was seen to be healthy without moving: it has all there is. */
  over(): void {
    this.#trouble = undefined;
  }

  /** A failure at this position. Returns the error to end with once it is no passing one. */
  failed(failure: VStreamError, position: Position): VStreamError | undefined {
    const { keyspace, shard } = failure;
    const what = sameness(failure);
    const place = placeOf(position, keyspace, shard);
    const now = this.#clock.monotonic();
    const known = this.#trouble;
    if (known && known.what === what && known.place === place) known.count++;
    else this.#trouble = { what, place, since: now, keyspace, shard, count: 1 };
    const { count, since } = this.#trouble as Trouble;
    if (!isAnswer(failure) || count < REPEAT_LIMIT || now - since < REPEAT_MS) return undefined;
    return this.spent(failure);
  }

  /** The failure with its history, as what ends the stream. */
  spent(failure: VStreamError): VStreamError {
    const { count, since } = this.#trouble ?? { count: 1, since: this.#clock.monotonic() };
    if (count < 2) return failure;
    const seconds = Math.round((this.#clock.monotonic() - since) / 1000);
    const { code, message, keyspace, shard, table, column, position, next, cause } = failure;
    return new VStreamError(code, `${message} (${count} times at the same position, within ${seconds} s)`, {
      category: 'fatal',
      keyspace,
      shard,
      table,
      column,
      position,
      next,
      cause,
    });
  }
}

/** The server was reached and answered with this: not a connection that failed. */
function isAnswer(failure: VStreamError): boolean {
  const status = serverStatusOf(failure);
  if (status) return status.from === 'grpc' && !OUTAGES.has(status.code);
  return failure.code === 'PROTOCOL' || failure.code === 'SCHEMA_MISMATCH';
}

/** The same failure differs in numbers: ports, times, connection ids, GTIDs. */
function sameness({ code, message }: VStreamError): string {
  return `${code} ${message.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, '#')}`;
}

/** Where the stream is on the shard that failed, or on all: GTIDs and last keys. */
function placeOf({ shards, plan }: Position, keyspace: string | undefined, shard: string | undefined): string {
  const concerned = shards.filter((one) => shard === undefined || (one.shard === shard && one.keyspace === keyspace));
  const keys: string[] = [];
  for (const { table, entry } of plan.done ? [] : plan.tables()) {
    for (const [name, copy] of Object.entries(entry.shards ?? {})) {
      if (copy.state === 'copying' && (shard === undefined || name === shard)) keys.push(`${table}/${name}:${copy.lastPk ?? ''}`);
    }
  }
  return [...concerned.map((one) => one.gtid), ...keys].join(' ');
}
