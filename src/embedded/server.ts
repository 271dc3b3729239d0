/** The embedded VTGate: a real gRPC server on 127.0.0.1 and a free port, in front of an engine. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type * as grpc from '@grpc/grpc-js';
import {
  ExecuteRequestSchema,
  ExecuteResponseSchema,
  VStreamRequestSchema,
  type ExecuteRequest,
  type ExecuteResponse,
  type VStreamRequest,
} from '../wire/gen/vtgate_pb.js';
import { Engine, type EngineOptions } from './engine.js';
import { Executor, type UnexpectedStatement } from './execute.js';
import { Faults } from './faults.js';
import { Gate } from './gate.js';
import { serveReplay, type Replay } from './replay.js';
import { StreamFailure } from './shard-run.js';
import { Stream } from './stream.js';

export interface EmbeddedOptions extends EngineOptions {
  /** Row bytes after which a packet is sent; a real tablet's default is 250,000. */
  packetBytes?: number;
  /** Default 90 s, as measured; tests shorten it or use a ManualClock. */
  purgedTimeoutMs?: number;
  /** PEM texts. With `ca`, clients must show a certificate. */
  tls?: { cert: string; key: string; ca?: string };
  /** Static user and password, as VTGate's static auth plug-in wants them on each call. */
  auth?: { username: string; password: string };
  /** Pings each client this often and cuts it off when it does not answer in time, as VTGate does after 10 s. Default: never. */
  keepalive?: { everyMs: number; timeoutMs: number };
  /** An engine made before; the engine options are then ignored. */
  engine?: Engine;
}

export interface EmbeddedVtgate extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly engine: Engine;
  readonly faults: Faults;
  /** Requests of all VStream calls so far, oldest first. */
  readonly requests: readonly VStreamRequest[];
  /** Statements nobody expected; each was answered with a syntax error. */
  readonly unexpectedStatements: readonly UnexpectedStatement[];
  /** Streams open now. */
  readonly openStreams: number;
  /** TCP connections open now. */
  readonly openConnections: number;
  /** Resolves when no client is connected any more. */
  idle(): Promise<void>;
  /** Resolves when this many VStream calls have come in since the start. */
  opened(count?: number): Promise<void>;
  /** Resolves when every open stream has written all there is to say; throttled and silenced shards say nothing. */
  quiet(): Promise<void>;
  /** Resolves when an open stream has to wait for its client to read. */
  blocked(): Promise<void>;
  /** Ends all open streams with OK. */
  endStreams(): void;
  /** The next stream is served from a recording instead of the engine. */
  replayNext(replay: Replay): void;
  close(): Promise<void>;
}

type StreamCall = grpc.ServerWritableStream<VStreamRequest, Buffer>;

export async function startEmbeddedVtgate(options: EmbeddedOptions = {}): Promise<EmbeddedVtgate> {
  const grpcJs = await import('@grpc/grpc-js');
  const engine = options.engine ?? new Engine(options);
  const { keepalive } = options;
  const server = new grpcJs.Server({
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': -1,
    // Its own time-out would close gently and leave running streams alone: the gate cuts.
    ...(keepalive ? { 'grpc.keepalive_time_ms': keepalive.everyMs } : {}),
  });
  const port = await bind(grpcJs, server, options.tls);
  const gate = new Gate(port, keepalive && keepalive.everyMs + keepalive.timeoutMs);
  const streams = new Set<Stream>();
  const faults = new Faults(
    gate,
    () => streams,
    (graceMs) => server.drain(`127.0.0.1:${port}`, graceMs),
  );
  const executor = new Executor(engine, faults);
  const requests: VStreamRequest[] = [];
  const replays: Replay[] = [];
  const waiting = new Set<{ count: number; resolve: () => void }>();
  const announce = (): void => {
    for (const one of waiting) {
      if (requests.length < one.count) continue;
      waiting.delete(one);
      one.resolve();
    }
  };
  const settings = { packetBytes: options.packetBytes ?? 250_000, purgedTimeoutMs: options.purgedTimeoutMs ?? 90_000 };

  const vstream = (call: StreamCall): void => {
    const refused = checkAuth(grpcJs, call.metadata, options.auth) ?? faults.begin();
    if (refused) {
      fail(call, refused);
      return;
    }
    requests.push(call.request);
    const wire = wireOf(call);
    const replay = replays.shift();
    if (replay) {
      announce();
      serveReplay(replay, wire).then(
        (failure) => finish(call, failure),
        (error: unknown) => finish(call, error),
      );
      return;
    }
    const stream = new Stream(engine, faults, call.request, wire, settings);
    streams.add(stream);
    announce();
    call.on('cancelled', () => stream.close());
    call.on('close', () => stream.close());
    const running = stream.run();
    faults.started();
    running
      .then(
        () => finish(call, undefined),
        (error: unknown) => finish(call, error),
      )
      .finally(() => streams.delete(stream));
  };

  const execute = (call: grpc.ServerUnaryCall<ExecuteRequest, ExecuteResponse>, reply: grpc.sendUnaryData<ExecuteResponse>): void => {
    const refused = checkAuth(grpcJs, call.metadata, options.auth);
    if (refused) reply({ code: refused.code, details: refused.message });
    else reply(null, executor.execute(call.request));
  };

  server.addService(serviceOf(), { VStream: vstream as grpc.UntypedHandleCall, Execute: execute as grpc.UntypedHandleCall });
  const address = `127.0.0.1:${await gate.listen()}`;

  const close = async (): Promise<void> => {
    for (const stream of streams) stream.close();
    await gate.close();
    server.forceShutdown();
  };
  return {
    address,
    engine,
    faults,
    requests,
    close,
    unexpectedStatements: executor.unexpected,
    get openStreams() {
      return streams.size;
    },
    get openConnections() {
      return gate.connections;
    },
    idle: () => gate.idle(),
    opened: (count = 1) =>
      new Promise((resolve) => {
        waiting.add({ count, resolve });
        announce();
      }),
    quiet: async () => {
      await Promise.all([...streams].map((stream) => stream.quiet()));
    },
    blocked: () => Promise.race([...streams].map((stream) => stream.blocked())),
    endStreams: () => {
      for (const stream of streams) stream.close();
    },
    replayNext: (replay) => void replays.push(replay),
    [Symbol.asyncDispose]: close,
  };
}

async function bind(grpcJs: typeof grpc, server: grpc.Server, tls: EmbeddedOptions['tls']): Promise<number> {
  const credentials = tls
    ? grpcJs.ServerCredentials.createSsl(
        tls.ca === undefined ? null : Buffer.from(tls.ca),
        [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }],
        tls.ca !== undefined,
      )
    : grpcJs.ServerCredentials.createInsecure();
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port))),
  );
}

/** Responses of VStream are encoded already; the rest goes through the generated code. */
function serviceOf(): grpc.ServiceDefinition {
  const common = { requestStream: false, requestSerialize: (bytes: Buffer) => bytes, responseDeserialize: (bytes: Buffer) => bytes };
  return {
    VStream: {
      ...common,
      path: '/vtgateservice.Vitess/VStream',
      responseStream: true,
      requestDeserialize: (bytes: Buffer) => fromBinary(VStreamRequestSchema, bytes),
      responseSerialize: (bytes: Buffer) => bytes,
    },
    Execute: {
      ...common,
      path: '/vtgateservice.Vitess/Execute',
      responseStream: false,
      requestDeserialize: (bytes: Buffer) => fromBinary(ExecuteRequestSchema, bytes),
      responseSerialize: (message: ExecuteResponse) => Buffer.from(toBinary(ExecuteResponseSchema, create(ExecuteResponseSchema, message))),
    },
  };
}

function checkAuth(grpcJs: typeof grpc, metadata: grpc.Metadata, auth: EmbeddedOptions['auth']): StreamFailure | undefined {
  if (!auth) return undefined;
  const [username] = metadata.get('username');
  const [password] = metadata.get('password');
  if (username === undefined || password === undefined)
    return new StreamFailure(grpcJs.status.UNAUTHENTICATED, 'username and password must be provided');
  if (username === auth.username && password === auth.password) return undefined;
  return new StreamFailure(grpcJs.status.PERMISSION_DENIED, `auth failed: caller "${String(username)}" provided invalid credentials`);
}

function wireOf(call: StreamCall): { write(message: Buffer): boolean; drained(): Promise<void> } {
  let over = false;
  const waiting = new Set<() => void>();
  const release = (): void => {
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  const end = (): void => {
    over = true;
    release();
  };
  call.on('drain', release).on('cancelled', end).on('close', end).on('error', end);
  return {
    write: (message) => over || call.write(message),
    drained: async () => {
      if (!over && call.writableNeedDrain) await new Promise<void>((resolve) => waiting.add(resolve));
    },
  };
}

function finish(call: StreamCall, failure: unknown): void {
  if (call.cancelled) return;
  if (failure === undefined) call.end();
  else
    fail(
      call,
      failure instanceof StreamFailure
        ? failure
        : new StreamFailure(13, `embedded engine: ${failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)}`),
    );
}

function fail(call: StreamCall, { code, message }: StreamFailure): void {
  call.emit('error', { code, details: message });
}
