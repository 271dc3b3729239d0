/** The replay server of spread.ts, a process of its own. Each request starts a server with that many shards and tables. */
import { startEmbeddedVtgate } from '../src/embedded/server.js';
import { serve } from './protocol.js';
import { SPREAD_KEYSPACE, shardNames, type Spread, spreadFrames, spreadShape, tableNames, uuidOf } from './spread-frames.js';

export interface SpreadPrepare extends Spread {
  /** 0: nothing is replayed, the stream is idle and VTGate's heartbeats come each second. */
  readonly rows: number;
}

export interface SpreadPrepared {
  readonly address: string;
  readonly rows: number;
  readonly bytes: number;
}

type Server = Awaited<ReturnType<typeof startEmbeddedVtgate>>;

const servers = new Map<string, Server>();

serve(async ({ rows, ...spread }: SpreadPrepare): Promise<SpreadPrepared> => {
  const { shards, tables, shapes } = spread;
  const key = `${shards} ${tables} ${shapes}`;
  let server = servers.get(key);
  if (!server) {
    const names = shardNames(shards);
    server = await startEmbeddedVtgate({
      keyspaces: {
        [SPREAD_KEYSPACE]: {
          shards: names,
          tables: Object.fromEntries(tableNames(tables).map((name, at) => [name, { columns: spreadShape(at, shapes).columns }])),
        },
      },
      history: Object.fromEntries(names.map((name, at) => [`${SPREAD_KEYSPACE}/${name}`, { executed: `${uuidOf(at)}:1-100` }])),
    });
    servers.set(key, server);
  }
  if (rows === 0) return { address: server.address, rows: 0, bytes: 0 };
  const recorded = spreadFrames(spread, rows);
  server.replayNext({ frames: recorded.frames, end: 'open' });
  return { address: server.address, rows: recorded.rows, bytes: recorded.bytes };
});
