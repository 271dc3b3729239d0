/** The transport of the product: grpc-js, loaded at first use. Layer 2. */
import { VStreamError } from '../errors.js';
import { systemClock, type Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { QueryResult } from '../wire/gen/query_pb.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import type { Channel } from './channel.js';
import { link } from './link.js';
import type { ConnectOptions } from './options.js';
import { GRPC, serverStatusOf } from './status.js';
import { StreamIterator, type Start } from './stream-iterator.js';
import type { CallOptions, ExecuteCall, Transport } from './transport.js';

export interface TransportOptions {
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
  /** How long one connection attempt may take, milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long one statement may take, milliseconds. Default 30,000. A VStream has no limit (G141). */
  readonly executeTimeoutMs?: number | undefined;
}

/**
 * Opens nothing: the first call connects.
 * @throws VStreamError `CONFIG_INVALID` without an address
 */
export function createTransport(source: ConnectOptions, options: TransportOptions = {}): Transport {
  return new GrpcTransport(source, options);
}

class GrpcTransport implements Transport {
  readonly #source: ConnectOptions;
  readonly #addresses: readonly string[];
  readonly #clock: Clock;
  readonly #connectTimeoutMs: number;
  readonly #executeTimeoutMs: number;
  readonly #closing = new AbortController();
  #index = 0;
  #channel: Promise<Channel> | undefined;

  constructor(source: ConnectOptions, options: TransportOptions) {
    this.#source = source;
    this.#addresses = addressesOf(source);
    this.#clock = options.clock ?? systemClock;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.#executeTimeoutMs = options.executeTimeoutMs ?? 30_000;
    if (source.auth && !source.tls && !this.#addresses.every(isLoopback)) {
      options.logger?.warn({ vtgate: this.#addresses }, 'credentials travel in plain text: set `tls` unless the network is trusted');
    }
  }

  get address(): string {
    return this.#addresses[this.#index] ?? '';
  }

  open(request: VStreamRequest, options: CallOptions = {}): AsyncIterable<Uint8Array> {
    const start: Start = async (queue, signal) => (await this.#connected(signal)).stream(request, queue);
    return { [Symbol.asyncIterator]: () => new StreamIterator(start, link(this.#closing.signal, options.signal)) };
  }

  async execute(call: ExecuteCall, options: CallOptions = {}): Promise<QueryResult> {
    const linked = link(this.#closing.signal, options.signal);
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await (await this.#connected(linked.signal)).execute(call, this.#executeTimeoutMs, linked.signal);
        } catch (error) {
          // A connection can look fine and be dead until keepalive finds out: the next statement gets another one.
          if (serverStatusOf(error)?.code === GRPC.DEADLINE_EXCEEDED) this.#drop();
          // Nothing was sent, so the next VTGate may be asked: one of several that is down stops nobody.
          if (!isUnreached(error) || attempt >= this.#addresses.length || linked.signal.aborted) throw error;
          this.rotate();
        }
      }
    } finally {
      linked.abort();
    }
  }

  rotate(): string {
    if (this.#addresses.length > 1) {
      this.#index = (this.#index + 1) % this.#addresses.length;
      this.#drop();
    }
    return this.address;
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new VStreamError('ABORTED', 'the transport is closed'));
    const channel = this.#channel;
    this.#channel = undefined;
    (await channel?.catch(() => undefined))?.close();
  }

  async #connected(signal: AbortSignal): Promise<Channel> {
    if (signal.aborted) throw VStreamError.from(signal.reason, 'ABORTED');
    if (this.#channel && !(await this.#channel).usable) this.#drop();
    this.#channel ??= this.#create(this.address);
    const channel = await this.#channel;
    await channel.connect(this.#connectTimeoutMs, signal);
    return channel;
  }

  #create(address: string): Promise<Channel> {
    const made = import('./channel.js').then(({ Channel }) => Channel.create(address, this.#source, this.#clock));
    // A channel that could not be made (an unreadable certificate) is tried again by the next call.
    made.catch(() => {
      if (this.#channel === made) this.#channel = undefined;
    });
    return made;
  }

  #drop(): void {
    this.#channel?.then((channel) => channel.close()).catch(() => undefined);
    this.#channel = undefined;
  }
}

/** No connection was made, so the call cannot have had any effect. */
function isUnreached(error: unknown): boolean {
  return VStreamError.is(error) && error.code === 'CONNECT_FAILED' && serverStatusOf(error)?.code !== GRPC.DEADLINE_EXCEEDED;
}

/** @throws VStreamError `CONFIG_INVALID` without an address */
export function addressesOf({ vtgate }: ConnectOptions): readonly string[] {
  const addresses = typeof vtgate === 'string' ? [vtgate] : vtgate;
  if (addresses.length > 0 && addresses.every((one) => one.trim() !== '')) return addresses;
  throw new VStreamError('CONFIG_INVALID', 'source.vtgate names no address', { next: "Give `host:port` of VTGate's gRPC server." });
}

function isLoopback(address: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|unix:.*)(:\d+)?$/.test(address.replace(/^dns:(\/\/\/)?/, ''));
}
