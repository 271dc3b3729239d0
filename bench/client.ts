/** A client process: receives a stream in one of several ways and says what that cost. */
import { create, fromBinary } from '@bufbuild/protobuf';
import { deferred } from '../src/internal/async.js';
import { type Batch, memoryStore, Position, start, type StreamOptions, vstream } from '../src/index.js';
import { createTransport } from '../src/transport/grpc.js';
import { PlainReader } from './plain-reader.js';
import { VEventType } from '../src/wire/gen/binlogdata_pb.js';
import { TabletType } from '../src/wire/gen/topodata_pb.js';
import { VStreamRequestSchema, type VStreamResponse, VStreamResponseSchema } from '../src/wire/gen/vtgate_pb.js';
import { SHARD, START_GTID } from './frames.js';
import { Meter, Windows } from './meter.js';
import { type Measure, type Measured, serve } from './protocol.js';

/** Whatever a consumer makes of the data, so that nothing is optimised away. */
const seen: { last: unknown } = { last: undefined };

interface Peer {
  decoder(): Promise<(bytes: Uint8Array) => VStreamResponse>;
}

/** The stream that is measured in windows. */
let windows: Windows | undefined;

serve(async (measure: Measure): Promise<Measured> => {
  if (measure.window === undefined) return receiveAs(measure, new Meter(measure.expected));
  if (!windows) {
    windows = new Windows();
    receiveAs({ ...measure, expected: { rows: Infinity, bytes: Infinity } }, windows).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  }
  const measured = await windows.next(measure.window);
  const { rows, bytes } = measure.expected ?? { rows: 0, bytes: 1 };
  return { ...measured, rows: measured.rows === 0 ? (rows * measured.bytes) / bytes : measured.rows };
});

function receiveAs(measure: Measure, meter: Meter): Promise<Measured> {
  switch (measure.kind) {
    case 'floor':
      return receive(measure, meter, () => {});
    case 'protobuf-es messages':
      return receive(measure, meter, (message) => {
        seen.last = fromBinary(VStreamResponseSchema, message);
      });
    case 'protobuf-es': {
      const reader = new PlainReader();
      return receive(measure, meter, (message) => {
        seen.last = reader.rows(fromBinary(VStreamResponseSchema, message));
      });
    }
    case 'protobufjs messages':
      return protobufjs().then((decode) =>
        receive(measure, meter, (message) => {
          seen.last = decode(message);
        }),
      );
    case 'protobufjs': {
      const reader = new PlainReader();
      return protobufjs().then((decode) =>
        receive(measure, meter, (message) => {
          seen.last = reader.rows(decode(message));
        }),
      );
    }
    case 'typed':
      return loop(measure, meter);
    case 'records':
      return cells(measure, meter, () => {});
    case 'cells':
      return cells(measure, meter, (batch) => {
        let nulls = 0;
        for (const { afterCells } of batch.changes) {
          if (!afterCells) continue;
          for (let column = 0; column < afterCells.count; column++) if (afterCells.isNull(column)) nulls++;
        }
        seen.last = nulls;
      });
    case 'texts':
      return cells(measure, meter, (batch) => {
        for (const { afterCells } of batch.changes) {
          if (!afterCells) continue;
          for (let column = 0; column < afterCells.count; column++) seen.last = afterCells.text(column);
        }
      });
  }
}

async function protobufjs(): Promise<(bytes: Uint8Array) => VStreamResponse> {
  // Compiled into bench/dist/bench.
  const { decoder } = (await import(new URL('../../peers/protobufjs.mjs', import.meta.url).href)) as Peer;
  return decoder();
}

/** The transport alone, which knows bytes but no rows. */
async function receive(measure: Measure, meter: Meter, take: (message: Uint8Array) => void): Promise<Measured> {
  const transport = createTransport({ vtgate: measure.address });
  const { keyspace, table, expected } = measure;
  // The replay server sends the same whatever it is asked for.
  const request = create(VStreamRequestSchema, {
    tabletType: TabletType.PRIMARY,
    vgtid: { shardGtids: [{ keyspace, shard: SHARD }] },
    filter: { rules: [{ match: table, filter: `select * from \`${table}\`` }] },
    flags: { tablesToCopy: [table] },
  });
  for await (const message of transport.open(request)) {
    meter.tick();
    take(message);
    meter.bytes += message.length;
    const pause = meter.pause();
    if (pause) await pause;
    if (expected ? meter.bytes >= expected.bytes : endsCopy(message)) break;
  }
  const measured = meter.end();
  await transport.close();
  return { ...measured, rows: expected ? (expected.rows * measured.bytes) / expected.bytes : 0 };
}

/** The event that ends a copy comes in a message of its own, without rows. */
function endsCopy(message: Uint8Array): boolean {
  return (
    message.length < 200 && fromBinary(VStreamResponseSchema, message).events.some((event) => event.type === VEventType.COPY_COMPLETED)
  );
}

function options(measure: Measure): StreamOptions {
  const { keyspace, phase, address, table, expected } = measure;
  return {
    source: { vtgate: address, keyspace, ...(expected ? {} : { tabletType: 'primary' }) },
    tables: [table],
    from: phase === 'copy' ? 'beginning' : Position.parse([{ keyspace, shard: SHARD, gtid: START_GTID }]),
    ...(expected ? {} : { until: 'copied' }),
    ...(measure.types ? { types: measure.types } : {}),
  };
}

async function loop(measure: Measure, meter: Meter): Promise<Measured> {
  const stream = vstream(options(measure));
  for await (const batch of stream) {
    meter.tick();
    for (const change of batch.changes) seen.last = change.after;
    meter.rows += batch.changes.length;
    meter.bytes += batch.bytes;
    const pause = meter.pause();
    if (pause) await pause;
    if (measure.expected && meter.rows >= measure.expected.rows) break;
  }
  return meter.end();
}

async function cells(measure: Measure, meter: Meter, take: (batch: Batch) => void): Promise<Measured> {
  const running = start({
    ...options(measure),
    name: 'bench',
    state: memoryStore(),
    sink: {
      capabilities: { position: 'external', deletes: true, sweep: false, schema: 'fixed', input: 'cells' },
      open: async () => ({}),
      async apply(batch) {
        meter.tick();
        take(batch);
        meter.rows += batch.changes.length;
        meter.bytes += batch.bytes;
        await meter.pause();
        if (measure.expected ? meter.rows >= measure.expected.rows : batch.progress?.type === 'copy-completed') ended(meter.end());
      },
      close: async () => {},
    },
  });
  const { promise, resolve: ended } = deferred<Measured>();
  const measured = await Promise.race([promise, running.finished.then(() => promise)]);
  await running.close();
  return measured;
}
