/** Opens the watch of each RPC of a stream: what they share is held here. Layer 3. */
import type { EngineOptions } from './engine-options.js';
import { MovedTables } from './moved-tables.js';
import { tabletKind } from './preflight.js';
import type { TabletType } from '../wire/gen/topodata_pb.js';
import type { TableRef } from '../schema/table.js';
import { verdictLimits } from '../supervise/verdict.js';
import { Watch, type WatchOptions } from './watch.js';

/** What one RPC asks for, and how far it has come. */
export type Watched = Pick<WatchOptions, 'shards' | 'copying' | 'gtid'>;

export class RpcWatch {
  readonly #options: Pick<EngineOptions, 'clock' | 'logger' | 'recorder' | 'transport' | 'stream' | 'source'>;
  /** Outlives an RPC: warned once an hour. */
  readonly #warned = new Map<string, number>();

  readonly #moved: MovedTables;

  /** `tables`: those selected now; they may change. */
  constructor(
    options: Pick<EngineOptions, 'clock' | 'logger' | 'recorder' | 'transport' | 'stream' | 'source'>,
    tables: () => readonly TableRef[],
  ) {
    this.#options = options;
    const { clock, logger, transport } = options;
    this.#moved = new MovedTables({ clock, logger, transport, tables });
  }

  open(watched: Watched, tabletType: TabletType): Watch {
    const { clock, logger, recorder, transport, stream, source } = this.#options;
    return new Watch({
      expireSeconds: source.expireSeconds,
      warned: this.#warned,
      clock,
      logger,
      recorder,
      transport,
      tabletKind: tabletKind(tabletType),
      limits: verdictLimits(stream.source.flags.heartbeatSeconds * 1000),
      socket: stream.source.socket,
      aligned: stream.source.flags.minimizeSkew,
      polled: (shards, signal) => this.#moved.look(shards, signal),
      ...watched,
    });
  }
}
