/**
 * A client that reads until row -1 arrives and may block its event loop once. Argument {address, socket, blockMs?}.
 * Says: {copied} | {blocking} | {awake} | {done: every change, as text}
 */
import { silentLogger, vstream } from '../../dist/index.js';

const { address, socket, blockMs } = JSON.parse(process.argv[2]);
const tell = (event) => process.send(event);
const changes = [];
let blocked = blockMs === undefined;

for await (const batch of vstream({ source: { vtgate: address, keyspace: 'shop', socket }, logger: silentLogger })) {
  for (const { kind, before, after } of batch.changes) {
    changes.push(JSON.stringify([kind, before, after], (_name, value) => (typeof value === 'bigint' ? `${value}n` : value)));
  }
  if (batch.progress?.type === 'copy-completed') tell({ copied: true });
  if (batch.kind !== 'copy' && batch.changes.length > 0 && !blocked) {
    blocked = true;
    // Only once it is said: the block holds messages to the parent back too.
    process.send({ blocking: true }, () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
      tell({ awake: true });
    });
  }
  if (batch.changes.some(({ after }) => Number(after?.id) === -1)) break;
}
process.send({ done: changes }, () => process.disconnect());
