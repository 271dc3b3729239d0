/**
 * A client in a process of its own, told by its parent what to do and telling of each step. One argument, JSON:
 * {address, source, state, sink, options?, gate?, signals?, ahead?}
 * `sink` is the address of a sink server. `gate`: each batch waits for a word from the parent before it is written.
 * `ahead`: a file with the milliseconds by which the clock of this process is ahead; read at each look at the clock.
 * Says: 'ready' | 'owner' | {waiting} | {applying, changes} | {applied} | {finished: summary} | {failed: error}
 */
import { readFileSync } from 'node:fs';
import { systemClock } from '../../dist/internal/clock.js';
import { Recorder } from '../../dist/observe/recorder.js';
import { Runner } from '../../dist/pipeline/runner.js';
import { validateRunOptions } from '../../dist/pipeline/validate.js';
import { socketSink } from '../../dist/testing/index.js';

const { source, state, sink, options = {}, gate = false, signals = false, ahead } = JSON.parse(process.argv[2]);
const tell = (event) => process.connected && process.send(event);

let open = !gate;
const waiters = [];
process.on('message', (word) => {
  if (word === 'go') waiters.shift()?.();
  if (word === 'open') {
    open = true;
    for (const go of waiters.splice(0)) go();
  }
});

const target = socketSink(sink);
const told = {
  capabilities: target.capabilities,
  async open(context) {
    const opened = await target.open(context);
    tell({ opened: String(context.epoch) });
    return opened;
  },
  schema: (change, context) => target.schema(change, context),
  truncate: (table, shard, context) => target.truncate(table, shard, context),
  sweep: (table, shard, generation, context) => target.sweep(table, shard, generation, context),
  async apply(batch, context) {
    const passed = open ? undefined : new Promise((resolve) => waiters.push(resolve));
    tell({ applying: batch.progress?.type ?? batch.kind, changes: batch.changes.length });
    await passed;
    await target.apply(batch, context);
    tell({ applied: batch.progress?.type ?? batch.kind, changes: batch.changes.length });
  },
  close: () => target.close(),
};

const ending = new AbortController();
if (signals) for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => ending.abort());
const quiet = () => {};
const logger = {
  debug: quiet,
  info: (_, message) => message.startsWith('waiting for') && tell({ waiting: message }),
  warn: quiet,
  error: quiet,
};

const clock =
  ahead === undefined ? systemClock : { ...systemClock, monotonic: () => systemClock.monotonic() + Number(readFileSync(ahead, 'utf8')) };

try {
  // As `run()` does, with a clock that a test can move.
  const valid = validateRunOptions({ source, state, sink: told, signal: ending.signal, logger, ...options });
  const { position: _, ...summary } = await new Runner(valid, new Recorder(clock), clock, Math.random).run(ending.signal);
  tell({ finished: summary });
} catch (error) {
  tell({ failed: error.toJSON?.() ?? { message: String(error) } });
}
process.disconnect?.();
