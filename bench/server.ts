/** The replay server, a process of its own: the embedded VTGate answers the SQL of the client and sends prepared messages. */
import { startEmbeddedVtgate } from '../src/embedded/server.js';
import { KEYSPACE, type Recorded, record, START_GTID, tableName } from './frames.js';
import { type Prepare, type Prepared, serve } from './protocol.js';
import { SHAPES } from './shapes.js';

const recordings = new Map<string, Recorded>();
const tables = Object.fromEntries(Object.values(SHAPES).map((shape) => [tableName(shape), { columns: shape.columns }]));
const server = await startEmbeddedVtgate({
  keyspaces: { [KEYSPACE]: { tables } },
  history: { [`${KEYSPACE}/0`]: { executed: START_GTID.replace('MySQL56/', '') } },
});

serve<Prepare, Prepared>(async ({ shape, phase, rows }) => {
  const name = `${shape} ${phase} ${rows}`;
  let recorded = recordings.get(name);
  if (!recorded) {
    const found = SHAPES[shape];
    if (!found) throw new Error(`no shape ${shape}`);
    recordings.set(name, (recorded = record(found, phase, rows)));
  }
  server.replayNext({ frames: recorded.frames, end: 'open' });
  return { address: server.address, rows: recorded.rows, bytes: recorded.bytes };
});
