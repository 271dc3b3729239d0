/** What every transport does, whatever thread its socket lives in: against a real grpc-js server. */
import { fromBinary, create, toBinary } from '@bufbuild/protobuf';
import { Metadata } from '@grpc/grpc-js';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { deferred } from '../../src/internal/async.js';
import type { ConnectOptions } from '../../src/transport/options.js';
import { serverStatusOf } from '../../src/transport/status.js';
import type { Transport } from '../../src/transport/transport.js';
import { QueryResultSchema } from '../../src/wire/gen/query_pb.js';
import { ExecuteRequestSchema, ExecuteResponseSchema, VStreamRequestSchema } from '../../src/wire/gen/vtgate_pb.js';
import { startServer, type TestServer, type TestServerOptions } from './grpc-server.js';

interface Timeouts {
  readonly connectTimeoutMs?: number;
  readonly executeTimeoutMs?: number;
}

export const request = create(VStreamRequestSchema, { vgtid: { shardGtids: [{ keyspace: 'k', shard: '0', gtid: 'current' }] } });
export const nothing = Buffer.from(toBinary(ExecuteResponseSchema, create(ExecuteResponseSchema, { result: create(QueryResultSchema) })));

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<string[]> {
  const out: string[] = [];
  for await (const message of stream) out.push(Buffer.from(message).toString());
  return out;
}

const containing = (text: string): unknown => expect.stringContaining(text);
const without = (text: string): unknown => expect.not.stringContaining(text);

export function transportCases(make: (source: ConnectOptions, options: Timeouts) => Transport): void {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function serve(options: TestServerOptions): Promise<TestServer> {
    const server = await startServer(options);
    closing.push(() => server.close());
    return server;
  }

  function connect(source: ConnectOptions, options: Timeouts = {}): Transport {
    const transport = make(source, options);
    closing.push(() => transport.close());
    return transport;
  }

  describe('a stream', () => {
    test('delivers each message as it was sent and ends with the server', async () => {
      const server = await serve({
        vstream(call) {
          expect(fromBinary(VStreamRequestSchema, call.request).vgtid?.shardGtids[0]?.gtid).toBe('current');
          for (const text of ['one', '', 'three']) call.write(Buffer.from(text));
          call.end();
        },
      });
      expect(await collect(connect({ vtgate: server.address }).open(request))).toEqual(['one', '', 'three']);
    });

    test('delivers messages of 10 MB, above the default limit of grpc-js (G13), in buffers that may be kept', async () => {
      const server = await serve({
        vstream(call) {
          call.write(Buffer.alloc(10_000_000, 1));
          call.write(Buffer.alloc(10_000_000, 2));
          call.end();
        },
      });
      const kept: Uint8Array[] = [];
      for await (const message of connect({ vtgate: server.address }).open(request)) kept.push(message);
      expect(kept.map((one) => [one.length, one[0], one.at(-1)])).toEqual([
        [10_000_000, 1, 1],
        [10_000_000, 2, 2],
      ]);
    });

    test('leaving the loop cancels the RPC at the server', async () => {
      const cancelled = deferred();
      const server = await serve({
        vstream(call) {
          call.on('cancelled', () => cancelled.resolve());
          call.write(Buffer.from('one'));
        },
      });
      for await (const message of connect({ vtgate: server.address }).open(request)) {
        expect(Buffer.from(message).toString()).toBe('one');
        break;
      }
      await cancelled.promise;
    });

    test('an abort cancels the RPC, and the consumer gets its reason', async () => {
      const cancelled = deferred();
      const started = deferred();
      const server = await serve({
        vstream(call) {
          call.on('cancelled', () => cancelled.resolve());
          call.sendMetadata(new Metadata());
          started.resolve();
        },
      });
      const stop = new AbortController();
      const all = collect(connect({ vtgate: server.address }).open(request, { signal: stop.signal }));
      await started.promise;
      stop.abort();
      await expect(all).rejects.toMatchObject({ code: 'ABORTED' });
      await cancelled.promise;
    });

    test('an abort before the start makes no call', async () => {
      const server = await serve({
        vstream(call) {
          call.end();
        },
      });
      await expect(collect(connect({ vtgate: server.address }).open(request, { signal: AbortSignal.abort() }))).rejects.toMatchObject({
        code: 'ABORTED',
      });
    });

    test('closing the transport ends its streams', async () => {
      const started = deferred();
      const server = await serve({
        vstream(call) {
          call.write(Buffer.from('one'));
          started.resolve();
        },
      });
      const transport = connect({ vtgate: server.address });
      const all = expect(collect(transport.open(request))).rejects.toMatchObject({ code: 'ABORTED' });
      await started.promise;
      await transport.close();
      await all;
    });

    test('messages before a failure are delivered before it', async () => {
      const received = deferred();
      const server = await serve({
        vstream(call) {
          call.write(Buffer.from('one'));
          call.write(Buffer.from('two'));
          // grpc-js drops what the client has not read when a status comes (libraries.md section 3).
          void received.promise.then(() => call.emit('error', { code: 14, details: 'vstream exceeded maximum age of 3s' }));
        },
      });
      const seen: string[] = [];
      const reading = (async () => {
        for await (const message of connect({ vtgate: server.address }).open(request)) {
          seen.push(Buffer.from(message).toString());
          if (seen.length === 2) received.resolve();
        }
      })();
      await expect(reading).rejects.toMatchObject({ code: 'STREAM_ENDED', category: 'retry' });
      expect(seen).toEqual(['one', 'two']);
    });

    test('a server that dies mid-stream is a lost stream, to be tried again', async () => {
      const server = await serve({
        vstream(call) {
          call.write(Buffer.from('one'));
        },
      });
      const iterator = connect({ vtgate: server.address }).open(request)[Symbol.asyncIterator]();
      await iterator.next();
      await server.close();
      await expect(iterator.next()).rejects.toMatchObject({ code: 'STREAM_LOST', category: 'retry' });
    });
  });

  describe('back-pressure', () => {
    const TOTAL = 120;
    const PACKET = 1_000_000;

    test('a consumer that does not read stops the server near the window, loses nothing, and blocks no statement', async () => {
      let written = 0;
      const server = await serve({
        vstream(call) {
          const more = (): void => {
            while (written < TOTAL) {
              written += 1;
              if (!call.write(Buffer.alloc(PACKET, written))) {
                call.once('drain', more);
                return;
              }
            }
            call.end();
          };
          more();
        },
        execute: (_call, answer) => answer(null, nothing),
      });
      const transport = connect({ vtgate: server.address });
      const iterator = transport.open(request)[Symbol.asyncIterator]();
      const first = await iterator.next();
      const marks = [first.done ? undefined : first.value[0]];
      // A slow sink must not cost the lease: statements share the connection. Their round trips also give the server all the
      // turns it needs to run ahead, if it could.
      for (let round = 0; round < 200; round += 1) await transport.execute({ target: 'k', text: 'select 1' });
      // A window of 4 MiB, one packet ahead, and what grpc-js keeps on the server's side (16 messages).
      expect(written).toBeLessThan(40);
      for (let item = await iterator.next(); !item.done; item = await iterator.next()) marks.push(item.value[0]);
      expect(marks).toEqual(Array.from({ length: TOTAL }, (_, index) => index + 1));
    });
  });

  describe('a statement', () => {
    test('carries target, text, typed binds and autocommit, and the caller id (G19, G22)', async () => {
      const seen = deferred<Buffer>();
      const server = await serve({
        execute(call, answer) {
          seen.resolve(call.request);
          answer(null, nothing);
        },
      });
      const transport = connect({ vtgate: server.address, callerId: 'me' });
      await transport.execute({
        target: 'k@primary',
        text: 'select :a, :b, :c, :d, :e',
        binds: { a: 'ü', b: 7, c: 9_007_199_254_740_993n, d: new Uint8Array([0, 255]), e: null },
      });
      const sent = fromBinary(ExecuteRequestSchema, await seen.promise);
      expect(sent.session).toMatchObject({ autocommit: true, targetString: 'k@primary' });
      expect(sent.callerId?.principal).toBe('me');
      const binds = Object.fromEntries(
        Object.entries(sent.query?.bindVariables ?? {}).map(([name, { type, value }]) => [
          name,
          [type, Buffer.from(value).toString('latin1')],
        ]),
      );
      expect(binds).toEqual({ a: [6165, 'Ã¼'], b: [265, '7'], c: [265, '9007199254740993'], d: [10262, '\u0000ÿ'], e: [0, ''] });
    });

    test('that fails inside the response throws QUERY_FAILED with the error number and without the values (G17)', async () => {
      const server = await serve({
        execute(_call, answer) {
          const message =
            'target: k.0.primary: vttablet: rpc error: code = AlreadyExists desc = Duplicate entry \'a\' for key \'t.PRIMARY\' (errno 1062) (sqlstate 23000) (CallerID: x): Sql: "insert into t values (:v1)", BindVars: {v1: "type:VARCHAR value:\\"hunter2\\""}';
          answer(null, Buffer.from(toBinary(ExecuteResponseSchema, create(ExecuteResponseSchema, { error: { code: 6, message } }))));
        },
      });
      const error: unknown = await connect({ vtgate: server.address })
        .execute({ target: 'k', text: 'insert' })
        .catch((one: unknown) => one);
      expect(error).toMatchObject({ code: 'QUERY_FAILED', category: 'fatal' });
      expect(serverStatusOf(error)?.errno).toBe(1062);
      expect(JSON.stringify([String(error), serverStatusOf(error)])).not.toContain('hunter2');
    });

    test('that is not answered in time fails, and an abort ends it at once', async () => {
      const server = await serve({ execute: () => {} });
      const quick = connect({ vtgate: server.address }, { executeTimeoutMs: 50 });
      await expect(quick.execute({ target: '', text: 'select 1' })).rejects.toMatchObject({ code: 'CONNECT_FAILED', category: 'retry' });
      const stop = new AbortController();
      const patient = connect({ vtgate: server.address }).execute({ target: '', text: 'select 1' }, { signal: stop.signal });
      stop.abort();
      await expect(patient).rejects.toMatchObject({ code: 'ABORTED' });
    });
  });

  describe('credentials', () => {
    function doorkeeper(): { options: TestServerOptions; seen: Metadata[] } {
      const seen: Metadata[] = [];
      return {
        seen,
        options: {
          vstream(call) {
            seen.push(call.metadata);
            const [user] = call.metadata.get('username');
            const [password] = call.metadata.get('password');
            if (user === undefined || password === undefined) {
              call.emit('error', { code: 16, details: 'username and password must be provided' });
            } else if (user !== 'u' || password !== 'secret-1') {
              call.emit('error', { code: 7, details: `auth failure: caller "${String(user)}" provided invalid credentials` });
            } else call.end();
          },
          execute(call, answer) {
            seen.push(call.metadata);
            answer(null, nothing);
          },
        },
      };
    }

    test('user and password travel as metadata of every call; wrong or missing ones are AUTH_FAILED and not tried again', async () => {
      const { options, seen } = doorkeeper();
      const { address } = await serve(options);
      const right = connect({ vtgate: address, auth: { username: 'u', password: 'secret-1' } });
      expect(await collect(right.open(request))).toEqual([]);
      await right.execute({ target: '', text: 'select 1' });
      expect(seen.map((one) => one.get('password'))).toEqual([['secret-1'], ['secret-1']]);
      for (const auth of [undefined, { username: 'u', password: 'secret-2' }]) {
        const wrong = connect({ vtgate: address, ...(auth ? { auth } : {}) });
        await expect(collect(wrong.open(request))).rejects.toMatchObject({
          code: 'AUTH_FAILED',
          category: 'config',
          message: without('secret'),
        });
      }
    });

    test('a function is called for each call, so that tokens may expire', async () => {
      const { options, seen } = doorkeeper();
      const { address } = await serve(options);
      let calls = 0;
      const transport = connect({
        vtgate: address,
        auth: {
          metadata: async () => {
            calls += 1;
            return { authorization: `Bearer ${calls}` };
          },
        },
      });
      await transport.execute({ target: '', text: 'select 1' });
      await transport.execute({ target: '', text: 'select 1' });
      expect(seen.map((one) => one.get('authorization')[0])).toEqual(['Bearer 1', 'Bearer 2']);
    });

    test('a missing variable, an unreadable file, bad metadata and a throwing function name the option and no value', async () => {
      const { options } = doorkeeper();
      const { address } = await serve(options);
      const failure = (auth: NonNullable<ConnectOptions['auth']>): Promise<unknown> =>
        connect({ vtgate: address, auth })
          .execute({ target: '', text: 'select 1' })
          .catch((error: unknown) => error);
      expect(await failure({ username: 'u', password: { env: 'VSTREAM_TEST_NOT_SET' } })).toMatchObject({
        code: 'CONFIG_INVALID',
        message: 'the environment variable VSTREAM_TEST_NOT_SET for auth.password is not set',
      });
      expect(await failure({ username: 'u', password: { file: '/nowhere/at/all' } })).toMatchObject({ code: 'CONFIG_INVALID' });
      const bad = await failure({ metadata: { authorization: 'se\ncret' } });
      expect(bad).toMatchObject({ code: 'CONFIG_INVALID', message: without('cret') });
      expect(
        await failure({
          metadata: () => {
            throw new Error('no token');
          },
        }),
      ).toMatchObject({ code: 'AUTH_FAILED' });
    });
  });

  describe('connecting', () => {
    async function listen(onSocket: Parameters<typeof createServer>[1]): Promise<{ address: string; server: Server }> {
      const server = createServer(onSocket);
      const sockets = new Set<{ destroy(): void }>();
      server.on('connection', (socket) => sockets.add(socket));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closing.push(async () => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });
      return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server };
    }

    async function closedPort(): Promise<string> {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      await new Promise<void>((resolve) => server.close(() => resolve()));
      return `127.0.0.1:${port}`;
    }

    const outcome = (source: ConnectOptions, options?: Timeouts): Promise<unknown> =>
      connect(source, options)
        .execute({ target: '', text: 'select 1' })
        .catch((error: unknown) => error);

    test('a closed port is told with the address and the next step', async () => {
      const address = await closedPort();
      const error = await outcome({ vtgate: address });
      expect(error).toMatchObject({ code: 'CONNECT_FAILED', category: 'retry', next: containing('15991') });
      expect(String(error)).toContain(`VTGate ${address} refuses connections`);
      await expect(collect(connect({ vtgate: address }).open(request))).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    });

    test('a peer that accepts and stays silent fails within the limit, instead of never', async () => {
      const { address } = await listen(() => {});
      expect(await outcome({ vtgate: address }, { connectTimeoutMs: 50 })).toMatchObject({
        code: 'CONNECT_FAILED',
        message: `VTGate ${address} did not accept a connection within 0.05 s`,
      });
    });

    test('a port that speaks something else is a mistake, not an outage', async () => {
      const { address } = await listen((socket) => {
        socket.on('error', () => {});
        socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
      });
      expect(await outcome({ vtgate: address })).toMatchObject({ code: 'CONNECT_FAILED', category: 'config' });
    });

    test('a server that comes back is reached by the next call, without waiting for a backoff of grpc-js', async () => {
      const address = await closedPort();
      const transport = connect({ vtgate: address });
      await expect(transport.execute({ target: '', text: 'select 1' })).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
      await serve({ execute: (_call, answer) => answer(null, nothing), port: Number(address.split(':')[1]) });
      await transport.execute({ target: '', text: 'select 1' });
    });

    test('after a statement without answer the next one gets another connection, as the old one may be dead', async () => {
      const peers: string[] = [];
      const server = await serve({
        execute(call, answer) {
          peers.push(call.getPeer());
          if (peers.length > 1) answer(null, nothing);
        },
      });
      const transport = connect({ vtgate: server.address }, { executeTimeoutMs: 200 });
      await expect(transport.execute({ target: '', text: 'select 1' })).rejects.toMatchObject({
        code: 'CONNECT_FAILED',
        category: 'retry',
      });
      await transport.execute({ target: '', text: 'select 1' });
      await transport.execute({ target: '', text: 'select 1' });
      expect(new Set(peers).size).toBe(2);
      expect(peers[1]).toBe(peers[2]);
    });

    test('of several VTGates the next one is used after `rotate`', async () => {
      const names: string[] = [];
      const one = await serve({ execute: (_call, answer) => (names.push('one'), answer(null, nothing)) });
      const two = await serve({ execute: (_call, answer) => (names.push('two'), answer(null, nothing)) });
      const transport = connect({ vtgate: [one.address, two.address] });
      await transport.execute({ target: '', text: 'select 1' });
      expect(transport.rotate()).toBe(two.address);
      await transport.execute({ target: '', text: 'select 1' });
      expect(transport.rotate()).toBe(one.address);
      await transport.execute({ target: '', text: 'select 1' });
      expect(names).toEqual(['one', 'two', 'one']);
      expect(connect({ vtgate: one.address }).rotate()).toBe(one.address);
    });

    test('a statement tries each VTGate once: one that is down stops nobody, and all down is one error', async () => {
      const [down, alsoDown] = [await closedPort(), await closedPort()];
      const up = await serve({ execute: (_call, answer) => answer(null, nothing) });
      const transport = connect({ vtgate: [down, alsoDown, up.address] });
      await transport.execute({ target: '', text: 'select 1' });
      expect(transport.address).toBe(up.address);
      expect(await outcome({ vtgate: [down, alsoDown] })).toMatchObject({
        code: 'CONNECT_FAILED',
        message: containing(alsoDown),
      });
    });
  });
}
