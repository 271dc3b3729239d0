/** A consumer that stops in front of a backlog far larger than its memory may become, and goes on when its pause is over. */
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../../src/embedded/index.js';
import type { StreamOptions } from '../../src/index.js';
import { Backlog, ITEM, type Shape } from './backlog.js';
import { Child } from './child.js';

/** The promise of the design, for the whole life of the process. */
export const MEMORY_LIMIT = 200 * 2 ** 20;

export interface HeldOptions {
  /** A runner with a sink and a lease, or a loop of the user's own. */
  readonly way: 'run' | 'loop';
  readonly backlogBytes: number;
  readonly shapes: readonly Shape[];
  /** Of the client's stream. */
  readonly options?: Pick<StreamOptions, 'hugeTransaction'>;
  /** Lasts as long as the sink is held. */
  readonly pause: (vtgate: EmbeddedVtgate, client: Child) => Promise<void>;
}

export interface HeldResult {
  /** Largest resident set the client had at any time, bytes. */
  readonly peakBytes: number;
  readonly pausedMs: number;
  readonly backlogBytes: number;
  /** Streams opened after the first one. */
  readonly reconnects: number;
  readonly rows: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly different: number;
}

export async function held(options: HeldOptions): Promise<HeldResult> {
  await using vtgate = await startEmbeddedVtgate({
    keyspaces: { vstream: {}, shop: { tables: { item: ITEM } } },
    // As a VTGate: a client that answers no pings is gone.
    keepalive: { everyMs: 10_000, timeoutMs: 10_000 },
  });
  const backlog = new Backlog(options.backlogBytes, options.shapes);
  await using client = new Child({ address: vtgate.address, way: options.way, rows: backlog.rows, options: options.options }, 'memory.mjs');
  await client.until('started');
  backlog.commit(vtgate.engine, 'shop');
  await client.until('holding');
  await vtgate.blocked();
  const begun = performance.now();
  await options.pause(vtgate, client);
  const pausedMs = performance.now() - begun;
  client.say('open');
  const said = await client.until('done');
  const count = (name: string): number => Number(said[name]);
  return {
    peakBytes: count('peakBytes'),
    pausedMs,
    backlogBytes: backlog.bytes,
    reconnects: vtgate.requests.length - 1,
    rows: count('done'),
    lost: count('lost'),
    duplicated: count('duplicated'),
    different: count('different'),
  };
}
