/**
 * Uses the client in one way, then tells what is left in the process: argument {way, address, sink}.
 * It ends by itself when nothing keeps it: no call of process.exit here.
 */
import { getEventListeners } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { run, start, vstream } from '../../dist/index.js';
import { socketSink } from '../../dist/testing/index.js';

const { way, address, sink } = JSON.parse(process.argv[2]);
const source = { vtgate: address, keyspace: 'shop' };
const state = { keyspace: 'vstream', table: 'streams' };
const user = new AbortController();
const quiet = () => {};
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const loop = { source, signal: user.signal, logger };
const threaded = { ...loop, source: { ...source, socket: 'thread' } };
const whole = () => ({ ...loop, name: way, state, sink: socketSink(sink) });

const ways = {
  'a run to now': () => run({ ...whole(), until: 'now' }),
  async 'an aborted run'() {
    const running = start({ ...whole(), sink: async (batch) => void (batch.kind === 'copy' && user.abort()) });
    await running.finished;
    await running.close();
    await running.close();
  },
  async 'a run that is closed before it began'() {
    const running = start(whole());
    await Promise.all([running.close(), running.close()]);
  },
  async 'a run in await using'() {
    let running;
    await new Promise((resolve) => {
      running = start({ ...whole(), sink: async (batch) => void (batch.progress?.type === 'copy-completed' && resolve()) });
    });
    await running[Symbol.asyncDispose]();
    await running[Symbol.asyncDispose]();
  },
  'a run whose handler throws': () =>
    run({
      ...whole(),
      sink: () => {
        throw new Error('no');
      },
    }).catch(quiet),
  'a run on a keyspace that is not there': () => run({ ...whole(), source: { vtgate: address, keyspace: 'nope' } }).catch(quiet),
  async 'a loop to now'() {
    for await (const _ of vstream({ ...loop, until: 'now' }));
  },
  async 'a loop that is left'() {
    for await (const _ of vstream(loop)) break;
  },
  async 'a loop that throws'() {
    try {
      for await (const _ of vstream(loop)) throw new Error('no');
    } catch {}
  },
  async 'a loop that is closed from outside, twice'() {
    const stream = vstream(loop);
    for await (const batch of stream) if (batch.kind === 'copy') void Promise.all([stream.close(), stream.close()]);
    await stream.close();
  },
  async 'a loop that is aborted'() {
    for await (const batch of vstream(loop)) if (batch.kind === 'copy') user.abort();
  },
  async 'a stream that nobody iterates'() {
    const stream = vstream(loop);
    await stream.close();
    await stream.close();
  },
  async 'a loop that commits'() {
    const stream = vstream({ ...loop, name: way, state, until: 'now' });
    for await (const batch of stream) await stream.commit(batch);
  },
  async 'a loop without a server'() {
    try {
      for await (const _ of vstream({ ...loop, source: { vtgate: '127.0.0.1:1', keyspace: 'shop' } }));
    } catch {}
  },
  async 'a loop with its socket in a thread'() {
    for await (const _ of vstream({ ...threaded, until: 'now' }));
  },
  async 'a loop with its socket in a thread that is left'() {
    for await (const _ of vstream(threaded)) break;
  },
  async 'a loop with its socket in a thread that is aborted'() {
    for await (const batch of vstream(threaded)) if (batch.kind === 'copy') user.abort();
  },
  async 'a loop with its socket in a thread, without a server'() {
    try {
      for await (const _ of vstream({ ...threaded, source: { ...threaded.source, vtgate: '127.0.0.1:1' } }));
    } catch {}
  },
  'a run with its socket in a thread': () => run({ ...whole(), source: threaded.source, until: 'now' }),
};

const listeners = () => Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
const count = (names) => names.reduce((all, name) => ({ ...all, [name]: (all[name] ?? 0) + 1 }), {});
const look = () => ({ resources: count(process.getActiveResourcesInfo()), listeners: listeners() });
/** What is being closed goes within a few turns of the event loop. */
async function settled(wanted) {
  for (let turn = 0; turn < 50; turn++) {
    if (isDeepStrictEqual(look(), wanted)) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return look();
}

// Made at first use and kept by Node: a thread that could print is such a use.
void [process.stdout, process.stderr];
const before = await settled();
await ways[way]();
const after = await settled(before);
process.send({ before, after, abortListeners: getEventListeners(user.signal, 'abort').length }, () => process.disconnect());
