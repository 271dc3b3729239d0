/** A process that dies between its rows and the position behind them, played by a sink and a store. Test code only. */
import { type CheckpointStore, VStreamError } from '../../src/index.js';
import type { MemoryDestination } from '../../src/testing/memory-sink.js';
import { WatchedSink } from './watched-sink.js';

/** Stores no positions, and dies behind the batch of which `last` says so: rows that come afterwards are not applied. */
export class DyingSink extends WatchedSink {
  readonly #last: (sink: DyingSink) => boolean;
  dead = false;

  constructor(destination: MemoryDestination, sweep: boolean, last: (sink: DyingSink) => boolean) {
    super(destination, { position: 'external', sweep });
    this.#last = last;
    // What it says of itself has to be true.
    if (!sweep) Object.defineProperty(this, 'sweep', { value: undefined });
  }

  override async apply(...[batch, context]: Parameters<WatchedSink['apply']>): Promise<void> {
    if (!this.dead) await super.apply(batch, context);
    if (!this.#last(this)) return;
    this.dead = true;
    throw new VStreamError('SINK_FAILED', 'killed');
  }
}

/** The store as the process of the sink reaches it: what it writes once it is dead is not stored. */
export function reachable(store: CheckpointStore, sink: DyingSink): CheckpointStore {
  return { ...store, write: (claim, patch, ...rest) => store.write(claim, sink.dead ? {} : patch, ...rest) };
}
