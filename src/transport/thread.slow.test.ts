/** Runs the compiled thread-worker: `npm test` builds first. */
import { expect, onTestFinished, test } from 'vitest';
import { startServer, type TestServer, type TestServerOptions } from '../../test/support/grpc-server.js';
import { collect, nothing, request, transportCases } from '../../test/support/transport-cases.js';
import { deferred } from '../internal/async.js';
import { silentLogger } from '../observe/logger.js';
import { createTransport } from './grpc.js';
import type { ConnectOptions } from './options.js';
import { serverStatusOf } from './status.js';
import { createThreadTransport, type ThreadTransportOptions } from './thread.js';
import type { Transport } from './transport.js';

const file = new URL('../../dist/transport/thread-worker.js', import.meta.url);

transportCases((source, options) => createThreadTransport(source, { ...options, file }));

async function serve(options: TestServerOptions): Promise<TestServer> {
  const server = await startServer(options);
  onTestFinished(() => server.close());
  return server;
}

function closeLater(transport: Transport): Transport {
  onTestFinished(() => transport.close());
  return transport;
}

const connect = (source: ConnectOptions, options: ThreadTransportOptions = {}): Transport =>
  closeLater(createThreadTransport(source, { file, ...options }));

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('it succeeded'),
    (error: unknown) => error,
  );

test.each([
  [14, 'vstream exceeded maximum age of 3s'],
  [9, 'shard 80- of keyspace k does not exist'],
  [13, 'could not decode GTID'],
  [2, 'the words of a newer server'],
])('an error with status %i is the same as without a thread, the words of the server included', async (code, details) => {
  const { address } = await serve({
    vstream(call) {
      call.emit('error', { code, details });
    },
  });
  const [main, thread] = await Promise.all(
    [closeLater(createTransport({ vtgate: address })), connect({ vtgate: address })].map((one) => failureOf(collect(one.open(request)))),
  );
  expect(serverStatusOf(main)).toMatchObject({ from: 'grpc', code, text: details });
  expect(serverStatusOf(thread)).toEqual(serverStatusOf(main));
  expect(thread).toMatchObject({ ...(main as Error), message: (main as Error).message });
});

test('warnings of the thread reach the logger, without the secrets', async () => {
  const warned = deferred<string>();
  const warn = (fields: unknown, message: string): void => warned.resolve(JSON.stringify([fields, message]));
  const auth = { username: 'u', password: 'hunter2' };
  const transport = connect({ vtgate: '192.0.2.1:15991', auth }, { logger: { ...silentLogger, warn }, connectTimeoutMs: 1 });
  await failureOf(transport.execute({ target: '', text: 'select 1' }));
  expect(await warned.promise).toContain('plain text');
  expect(await warned.promise).not.toContain('hunter2');
});

test('many streams and statements share one thread without mixing their answers', async () => {
  const server = await serve({
    vstream(call) {
      for (let count = 0; count < 300; count += 1) call.write(Buffer.from(`${call.request.length}`));
      call.end();
    },
    execute: (_call, answer) => answer(null, nothing),
  });
  const transport = connect({ vtgate: server.address });
  const lengths = Array.from({ length: 8 }, (_, index) => 'x'.repeat(index));
  const all = await Promise.all(
    lengths.map(async (gtid) => {
      await transport.execute({ target: '', text: 'select 1' });
      return collect(
        transport.open({ ...request, vgtid: { ...must(request.vgtid), shardGtids: [{ ...must(request.vgtid?.shardGtids[0]), gtid }] } }),
      );
    }),
  );
  expect(all.map((one) => one.length)).toEqual(lengths.map(() => 300));
  expect(all.map((one) => new Set(one).size)).toEqual(lengths.map(() => 1));
  expect(new Set(all.map((one) => one[0])).size).toBe(lengths.length);
});

test.each([
  ['a file that is not there', new URL('nowhere.js', file), 'Cannot find module'],
  ['a file that fails', new URL('data:text/javascript,throw new Error("no luck")'), 'no luck'],
  ['a file that ends', new URL('data:text/javascript,'), 'ended at once'],
])('%s is a mistake of the installation, said for streams and statements, and can be closed', async (_what, broken, says) => {
  const transport = connect({ vtgate: '127.0.0.1:1' }, { file: broken });
  for (const failed of [transport.execute({ target: '', text: 'select 1' }), collect(transport.open(request))]) {
    expect(await failureOf(failed)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(says),
      next: expect.stringContaining("'main'"),
    });
  }
});

test('a thread that dies is a lost stream, and the next call gets another thread', async () => {
  const dying = `import { parentPort } from 'node:worker_threads';
    parentPort.postMessage({ type: 'ready' });
    parentPort.on('message', ({ type }) => { throw new Error('broken by ' + type); });`;
  const transport = connect({ vtgate: '127.0.0.1:1' }, { file: new URL(`data:text/javascript,${encodeURIComponent(dying)}`) });
  for (const [failed, word] of [
    [() => collect(transport.open(request)), 'open'],
    [() => transport.execute({ target: '', text: 'select 1' }), 'execute'],
    [() => collect(transport.open(request)), 'open'],
  ] as const) {
    expect(await failureOf(failed())).toMatchObject({
      code: 'STREAM_LOST',
      category: 'retry',
      message: expect.stringContaining(`broken by ${word}`),
    });
  }
});

test('a statement may carry what cannot be sent to a thread, such as its reader', async () => {
  const { address } = await serve({ execute: (_call, answer) => answer(null, nothing) });
  const statement = { target: '', text: 'select 1', read: () => 'rows' };
  expect(await connect({ vtgate: address }).execute(statement)).toMatchObject({ rows: [] });
});

test('closing, also twice and while the thread starts, ends what is under way', async () => {
  const { address } = await serve({ vstream: (call) => void call.write(Buffer.from('one')), execute: () => {} });
  const transport = connect({ vtgate: address });
  const starting = [collect(transport.open(request)), transport.execute({ target: '', text: 'select 1' })].map(failureOf);
  await Promise.all([transport.close(), transport.close()]);
  for (const error of await Promise.all(starting)) expect(error).toMatchObject({ code: 'ABORTED' });
  expect(await failureOf(transport.execute({ target: '', text: 'select 1' }))).toMatchObject({ code: 'ABORTED' });
});

test('no address is a mistake of the configuration', () => {
  expect(() => createThreadTransport({ vtgate: [] })).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('missing');
  return value;
}
