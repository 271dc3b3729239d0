/** A bare gRPC client for the engine's own tests: what the wire says, decoded by the generated code alone. Test code only. */
import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { VEventType, type ShardGtid, type VEvent } from '../../src/wire/gen/binlogdata_pb.js';
import {
  ExecuteRequestSchema,
  ExecuteResponseSchema,
  VStreamRequestSchema,
  VStreamResponseSchema,
  type ExecuteResponse,
} from '../../src/wire/gen/vtgate_pb.js';

const NAMES = new Map(Object.entries(VEventType).map(([name, number]) => [number as number, name]));

export interface StreamEnd {
  code: number;
  details: string;
}

/** Events of one stream, as they arrive; `until` waits for a condition on all of them. */
export class RawStream {
  readonly events: VEvent[] = [];
  /** The same, by response. */
  readonly frames: VEvent[][] = [];
  end: StreamEnd | undefined;
  #counts = new Map<number, number>();
  #call: grpc.ClientReadableStream<Buffer>;
  #watchers = new Set<() => void>();

  constructor(call: grpc.ClientReadableStream<Buffer>) {
    this.#call = call;
    call.on('data', (bytes: Buffer) => {
      const { events } = fromBinary(VStreamResponseSchema, bytes);
      this.events.push(...events);
      for (const { type } of events) this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1);
      this.frames.push(events);
      this.#notify();
    });
    call.on('error', (error: grpc.ServiceError) => this.#finish({ code: error.code, details: error.details }));
    call.on('end', () => setImmediate(() => this.#finish({ code: 0, details: '' })));
  }

  #finish(end: StreamEnd): void {
    this.end ??= end;
    this.#notify();
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Resolves when `done` is true of the stream; rejects when it ends before. */
  async until(done: (events: readonly VEvent[]) => boolean): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (done(this.events)) resolve();
        else if (this.end) reject(new Error(`the stream ended: ${this.end.code} ${this.end.details}`));
        else return;
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
    return this;
  }

  untilCount(type: keyof typeof VEventType, count = 1): Promise<this> {
    return this.until(() => (this.#counts.get(VEventType[type]) ?? 0) >= count);
  }

  /** Resolves when the shard's vector reached this GTID set at a COMMIT, DDL or OTHER. */
  untilGtid(keyspace: string, shard: string, gtid: string): Promise<this> {
    return this.until(() => this.position(keyspace, shard)?.gtid === gtid && this.#settled());
  }

  #settled(): boolean {
    const last = this.events[this.events.length - 1]?.type;
    return (
      last === VEventType.COMMIT ||
      last === VEventType.DDL ||
      last === VEventType.OTHER ||
      last === VEventType.HEARTBEAT ||
      last === VEventType.COPY_COMPLETED
    );
  }

  async ended(): Promise<StreamEnd> {
    await this.until(() => this.end !== undefined).catch(() => undefined);
    return this.end as StreamEnd;
  }

  get types(): string[] {
    return this.events.map((event) => NAMES.get(event.type) ?? String(event.type));
  }

  /** The last vector. */
  get vector(): ShardGtid[] {
    return this.events.findLast((event) => event.vgtid)?.vgtid?.shardGtids ?? [];
  }

  position(keyspace: string, shard: string): ShardGtid | undefined {
    return this.vector.find((entry) => entry.keyspace === keyspace && entry.shard === shard);
  }

  /** Row changes as cells: text, or null. */
  get changes(): { table: string; shard: string; copy: boolean; before?: (string | null)[]; after?: (string | null)[] }[] {
    return this.events.flatMap((event) =>
      (event.rowEvent?.rowChanges ?? []).map((change) => ({
        table: event.rowEvent?.tableName ?? '',
        shard: event.shard,
        copy: event.timestamp === 0n,
        ...(change.before ? { before: cells(change.before) } : {}),
        ...(change.after ? { after: cells(change.after) } : {}),
      })),
    );
  }

  cancel(): void {
    this.#call.cancel();
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }
}

export function cells(row: { lengths: readonly bigint[]; values: Uint8Array }): (string | null)[] {
  let at = 0;
  return row.lengths.map((length) => {
    if (length < 0n) return null;
    const text = Buffer.from(row.values.subarray(at, at + Number(length))).toString('utf8');
    at += Number(length);
    return text;
  });
}

export class RawClient {
  #client: grpc.Client;
  #metadata = new grpc.Metadata();

  constructor(address: string, options: { credentials?: grpc.ChannelCredentials; metadata?: Record<string, string> } = {}) {
    this.#client = new grpc.Client(address, options.credentials ?? grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    });
    for (const [key, value] of Object.entries(options.metadata ?? {})) this.#metadata.set(key, value);
  }

  stream(request: MessageInitShape<typeof VStreamRequestSchema>): RawStream {
    const bytes = Buffer.from(toBinary(VStreamRequestSchema, create(VStreamRequestSchema, request)));
    return new RawStream(
      this.#client.makeServerStreamRequest(
        '/vtgateservice.Vitess/VStream',
        (body: Buffer) => body,
        (body: Buffer) => body,
        bytes,
        this.#metadata,
      ),
    );
  }

  execute(request: MessageInitShape<typeof ExecuteRequestSchema>): Promise<ExecuteResponse> {
    const bytes = Buffer.from(toBinary(ExecuteRequestSchema, create(ExecuteRequestSchema, request)));
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        '/vtgateservice.Vitess/Execute',
        (body: Buffer) => body,
        (body: Buffer) => fromBinary(ExecuteResponseSchema, body),
        bytes,
        this.#metadata,
        (error, response) => {
          if (error || !response) reject(error ?? new Error('no response'));
          else resolve(response);
        },
      );
    });
  }

  async sql(target: string, sql: string): Promise<(string | null)[][]> {
    const response = await this.execute({ session: { targetString: target, autocommit: true }, query: { sql } });
    if (response.error) throw new Error(`${response.error.code} ${response.error.message}`);
    return (response.result?.rows ?? []).map(cells);
  }

  close(): void {
    this.#client.close();
  }
}

export const select = (...tables: string[]): { rules: { match: string; filter: string }[] } => ({
  rules: tables.map((match) => ({ match, filter: `select * from ${match}` })),
});
