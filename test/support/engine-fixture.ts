/** An engine over a transport written by hand, for tests of the loop. */
import { VStreamError } from '../../src/errors.js';
import type { Clock } from '../../src/internal/clock.js';
import { silentLogger } from '../../src/observe/logger.js';
import { Recorder } from '../../src/observe/recorder.js';
import type { Position } from '../../src/position/position.js';
import type { TableOptions } from '../../src/schema/define.js';
import type { ShardName } from '../../src/sql/topology.js';
import { Engine } from '../../src/stream/engine.js';
import type { EngineOptions } from '../../src/stream/engine-options.js';
import type { Limits } from '../../src/stream/options.js';
import { validateStreamOptions } from '../../src/stream/validate.js';
import { createBackoff } from '../../src/supervise/backoff.js';
import type { Transport } from '../../src/transport/transport.js';
import { TabletType } from '../../src/wire/gen/topodata_pb.js';
import { lastPk } from './wire-events.js';

const ADDRESS = 'vtgate:15991';

/** Answers streams as told, and no statement. */
export function transportOf(open: Transport['open']): Transport {
  return {
    address: ADDRESS,
    open,
    execute: () => Promise.reject(new VStreamError('PERMISSION_DENIED', 'no SQL here')),
    rotate: () => ADDRESS,
    close: () => Promise.resolve(),
  };
}

/** The server is played, and looks at no key. */
const START = Buffer.from(lastPk({ table: 't', key: -1 })).toString('base64');

export interface EngineSetup {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly shards: readonly ShardName[];
  /** `keyspace.table`, each with the fingerprint `f`. */
  readonly tables: Readonly<Record<string, TableOptions>>;
  /** Those of them without a primary key; the copies of the others can begin behind `START`. */
  readonly keyless?: readonly string[];
  readonly stored: Position | undefined;
  readonly limits?: Limits;
  readonly options?: Partial<EngineOptions>;
}

export function engineOver(
  transport: Transport,
  { clock, signal, shards, tables, keyless = [], stored, limits = {}, options = {} }: EngineSetup,
): Engine {
  const names = Object.entries(tables).map(([name, definition]) => {
    const [keyspace = '', table = ''] = name.split('.');
    const resumable = !keyless.includes(name);
    return { keyspace, table, definition, resumable, ...(resumable ? { start: START } : {}), fingerprint: 'f' };
  });
  const wanted = Object.fromEntries(Object.keys(tables).map((name) => [name, true as const]));
  return new Engine(
    {
      stream: validateStreamOptions({ source: { vtgate: transport.address }, tables: wanted, limits }),
      source: { shards, tables: names, tabletType: TabletType.PRIMARY, rowImages: new Map(), expireSeconds: new Map() },
      transport,
      clock,
      logger: silentLogger,
      recorder: new Recorder(clock),
      backoff: createBackoff({ clock, random: () => 0 }),
      stored,
      earlier: undefined,
      eager: true,
      screened: false,
      positionApart: false,
      progressMs: 3_600_000,
      stop: { kind: 'never' },
      rowsChanged: () => 'ignore',
      onPurged: 'fail',
      onUndecodable: 'fail',
      ...options,
    },
    signal,
  );
}
