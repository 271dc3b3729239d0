/** The replay server, a process of its own: the embedded VTGate answers the SQL of the client and sends prepared messages. */
import { startEmbeddedVtgate } from '../src/embedded/server.js';
import { KEYSPACE, Recorder, START_GTID, tableName } from './frames.js';
import { type Prepare, type Prepared, serve } from './protocol.js';
import { SHAPES } from './shapes.js';

const recorders = new Map<string, Recorder>();
const tables = Object.fromEntries(Object.values(SHAPES).map((shape) => [tableName(shape), { columns: shape.columns }]));
const server = await startEmbeddedVtgate({
  keyspaces: { [KEYSPACE]: { tables } },
  history: { [`${KEYSPACE}/0`]: { executed: START_GTID.replace('MySQL56/', '') } },
});

serve(async ({ shape, phase, rows }: Prepare): Promise<Prepared> => {
  const name = `${shape} ${phase}`;
  let recorder = recorders.get(name);
  if (!recorder) {
    const found = SHAPES[shape];
    if (!found) throw new Error(`no shape ${shape}`);
    recorders.set(name, (recorder = new Recorder(found, phase)));
  }
  const recorded = recorder.record(rows);
  server.replayNext({ frames: recorded.frames, end: 'open' });
  return { address: server.address, rows: recorded.rows, bytes: recorded.bytes };
});
