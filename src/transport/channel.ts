/** One connection to one VTGate. Layer 2; holds grpc-js, so it is reached by dynamic import only (grpc.ts). */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, connectivityState, InterceptingCall, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { VStreamError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import type { BindVariable, QueryResult } from '../wire/gen/query_pb.js';
import { QueryResultSchema, Type } from '../wire/gen/query_pb.js';
import { ExecuteRequestSchema, ExecuteResponseSchema, VStreamRequestSchema, type VStreamRequest } from '../wire/gen/vtgate_pb.js';
import { CallerIDSchema, type CallerID } from '../wire/gen/vtrpc_pb.js';
import { callMetadata, channelCredentials } from './credentials.js';
import { rpcError, sqlError } from './failure.js';
import type { MessageQueue } from './message-queue.js';
import type { ConnectOptions } from './options.js';
import { serverStatus } from './status.js';
import type { BindValue, ExecuteCall } from './transport.js';

const VSTREAM = '/vtgateservice.Vitess/VStream';
const EXECUTE = '/vtgateservice.Vitess/Execute';
const DEFAULT_RECEIVE_LIMIT = 64 * 1024 * 1024;
/**
 * Of stream and connection: the default of 64 KiB gives 4 MB/s at 10 ms round trip, 8 MiB gives 276 (libraries.md section 3). What the window
 * holds is dead memory until V8 looks at it: 30 MB less at 4 MiB than at 8 under a client that catches up with 2 GB.
 */
const FLOW_CONTROL_WINDOW = 4 * 1024 * 1024;

const asIs = (bytes: Buffer): Buffer => bytes;

export class Channel {
  readonly address: string;
  readonly #client: Client;
  readonly #source: ConnectOptions;
  readonly #clock: Clock;
  readonly #caller: CallerID | undefined;

  private constructor(address: string, client: Client, source: ConnectOptions, clock: Clock) {
    this.address = address;
    this.#client = client;
    this.#source = source;
    this.#clock = clock;
    this.#caller = source.callerId === undefined ? undefined : create(CallerIDSchema, { principal: source.callerId });
  }

  /** Does not connect yet. Reads TLS files. */
  static async create(address: string, source: ConnectOptions, clock: Clock): Promise<Channel> {
    const { credentials, options } = await channelCredentials(source.tls, address);
    const client = new Client(address, credentials, {
      ...options,
      'grpc.max_receive_message_length': source.maxMessageBytes ?? DEFAULT_RECEIVE_LIMIT,
      'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW,
      // Slower than the 10 s that VTGate enforces; never without a call, which it answers with GOAWAY too_many_pings (G15).
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.keepalive_permit_without_calls': 0,
      // Reconnecting is the supervisor's: it knows positions and budgets.
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      // One stream, one TCP connection: never shared with another transport of this process.
      'grpc.use_local_subchannel_pool': 1,
    });
    return new Channel(address, client, source, clock);
  }

  /** False once a connection attempt failed: a new channel tries at once, where grpc-js would wait and repeat the old error. */
  get usable(): boolean {
    const state = this.#client.getChannel().getConnectivityState(false);
    return state !== connectivityState.TRANSIENT_FAILURE && state !== connectivityState.SHUTDOWN;
  }

  /**
   * Resolves when connected, or when the attempt failed: the call that follows then ends with the reason.
   * @throws VStreamError `CONNECT_FAILED` when neither happens in time: packets get lost on the way.
   */
  async connect(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const channel = this.#client.getChannel();
    let state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (act: () => void): void => {
        cancelTimer();
        signal?.removeEventListener('abort', onAbort);
        act();
      };
      const onAbort = (): void => settle(() => reject(abortError(signal)));
      const cancelTimer = this.#clock.after(timeoutMs, () => {
        settle(() => reject(this.#unreachable(timeoutMs)));
      });
      const look = (): void => {
        state = channel.getConnectivityState(true);
        if (state === connectivityState.CONNECTING || state === connectivityState.IDLE) {
          channel.watchConnectivityState(state, Infinity, look);
        } else {
          settle(resolve);
        }
      };
      if (signal?.aborted) onAbort();
      else {
        signal?.addEventListener('abort', onAbort, { once: true });
        look();
      }
    });
  }

  #unreachable(timeoutMs: number): VStreamError {
    return new VStreamError('CONNECT_FAILED', `VTGate ${this.address} did not accept a connection within ${timeoutMs / 1000} s`, {
      next: 'Check the address in `vtgate`, the network and firewalls between here and there.',
    });
  }

  /** Starts a VStream that fills `queue` as far as it has room; returns the function that cancels it. */
  async stream(request: VStreamRequest, queue: MessageQueue): Promise<() => void> {
    const metadata = await callMetadata(this.#source.auth);
    const bytes = toBinary(VStreamRequestSchema, this.#caller && !request.callerId ? { ...request, callerId: this.#caller } : request);
    const call: ClientReadableStream<Buffer> = this.#client.makeServerStreamRequest(
      VSTREAM,
      asIs,
      asIs,
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      metadata,
      { interceptors: [(options, nextCall) => new GatedCall(nextCall(options), queue)] },
    );
    call.on('data', (message: Buffer) => queue.push(message));
    call.on('end', () => queue.end());
    // Stays for the life of the call: a cancelled one still reports an error, later.
    call.on('error', (error: ServiceError) => queue.fail(rpcError(serverStatus('grpc', error.code, error.details), this.address)));
    return () => call.cancel();
  }

  async execute(statement: ExecuteCall, timeoutMs: number, signal: AbortSignal | undefined): Promise<QueryResult> {
    const metadata = await callMetadata(this.#source.auth);
    const bytes = toBinary(
      ExecuteRequestSchema,
      create(ExecuteRequestSchema, {
        ...(this.#caller ? { callerId: this.#caller } : {}),
        // Explicit: a session without autocommit would open a transaction (G19).
        session: { autocommit: true, targetString: statement.target },
        query: { sql: statement.text, bindVariables: bindVariables(statement.binds ?? {}) },
      }),
    );
    const answer = await new Promise<Buffer>((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError(signal));
        return;
      }
      const onAbort = (): void => {
        call.cancel();
        reject(abortError(signal));
      };
      const call = this.#client.makeUnaryRequest(
        EXECUTE,
        asIs,
        asIs,
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, value?: Buffer) => {
          signal?.removeEventListener('abort', onAbort);
          if (error) reject(rpcError(serverStatus('grpc', error.code, error.details), this.address));
          else resolve(value ?? Buffer.alloc(0));
        },
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
    const response = fromBinary(ExecuteResponseSchema, answer);
    const failed = response.error;
    if (failed && (failed.code !== 0 || failed.message !== '')) {
      throw sqlError(serverStatus('sql', failed.code, failed.message), this.address, statement.target);
    }
    return response.result ?? create(QueryResultSchema);
  }

  /** Calls under way go on until they end or are cancelled. */
  close(): void {
    this.#client.close();
  }
}

/**
 * Lets a read through only when the queue has room. grpc-js alone would read 16 messages ahead, whatever their size; without a
 * read it stops the HTTP/2 stream, and flow control reaches the tablet.
 */
class GatedCall extends InterceptingCall {
  readonly #queue: MessageQueue;

  constructor(next: ConstructorParameters<typeof InterceptingCall>[0], queue: MessageQueue) {
    super(next);
    this.#queue = queue;
    queue.onRoom = () => super.startRead();
  }

  override startRead(): void {
    if (this.#queue.room()) super.startRead();
  }
}

function abortError(signal: AbortSignal | undefined): VStreamError {
  return VStreamError.from(signal?.reason ?? 'aborted', 'ABORTED');
}

function bindVariables(binds: Readonly<Record<string, BindValue>>): Record<string, BindVariable> {
  const out: Record<string, Pick<BindVariable, 'type' | 'value'>> = {};
  for (const [name, value] of Object.entries(binds)) out[name] = bindVariable(name, value);
  return out as Record<string, BindVariable>;
}

function bindVariable(name: string, value: BindValue): Pick<BindVariable, 'type' | 'value'> {
  if (value === null) return { type: Type.NULL_TYPE, value: new Uint8Array() };
  if (typeof value === 'string') return { type: Type.VARCHAR, value: Buffer.from(value) };
  if (typeof value === 'bigint') return { type: Type.INT64, value: Buffer.from(value.toString()) };
  if (typeof value !== 'number') return { type: Type.VARBINARY, value };
  if (!Number.isSafeInteger(value)) throw new VStreamError('INTERNAL', `the bind ${name} is not an integer that a number can hold`);
  return { type: Type.INT64, value: Buffer.from(String(value)) };
}
