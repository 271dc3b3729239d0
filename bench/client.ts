/** A client process: receives a stream in one of several ways and says what that cost. */
import { create, fromBinary } from '@bufbuild/protobuf';
import { deferred } from '../src/internal/async.js';
import { type Batch, memoryStore, Position, start, type StreamOptions, vstream } from '../src/index.js';
import { createTransport } from '../src/transport/grpc.js';
import { PlainReader } from './plain-reader.js';
import { VStreamRequestSchema, VStreamResponseSchema } from '../src/wire/gen/vtgate_pb.js';
import { KEYSPACE, SHARD, START_GTID } from './frames.js';
import { type Measure, type Measured, serve } from './protocol.js';

/** Whatever a consumer makes of the data, so that nothing is optimised away. */
const seen: { last: unknown } = { last: undefined };

/** Counts from the first message on: connecting and looking up tables are not the price of a row. */
class Meter {
  #cpu: NodeJS.CpuUsage | undefined;
  #start = 0;
  rows = 0;
  bytes = 0;

  begin(): void {
    if (this.#cpu) return;
    this.#cpu = process.cpuUsage();
    this.#start = performance.now();
  }

  end(): Measured {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      cpuUs: user + system,
      wallMs: performance.now() - this.#start,
      rows: this.rows,
      bytes: this.bytes,
      rssMb: process.memoryUsage.rss() / 2 ** 20,
      peakRssMb: process.resourceUsage().maxRSS / 1024,
    };
  }
}

serve<Measure, Measured>(async (measure) => {
  const meter = new Meter();
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
});

/** The transport alone, which knows bytes but no rows. */
async function receive(measure: Measure, meter: Meter, take: (message: Uint8Array) => void): Promise<Measured> {
  const transport = createTransport({ vtgate: measure.address });
  const request = create(VStreamRequestSchema, { vgtid: { shardGtids: [{ keyspace: KEYSPACE, shard: SHARD }] } });
  for await (const message of transport.open(request)) {
    meter.begin();
    take(message);
    meter.bytes += message.length;
    if (meter.bytes >= measure.bytes) break;
  }
  meter.rows = measure.rows;
  const measured = meter.end();
  await transport.close();
  return measured;
}

function options(measure: Measure): StreamOptions {
  return {
    source: { vtgate: measure.address, keyspace: KEYSPACE },
    tables: [measure.table],
    from: measure.phase === 'copy' ? 'beginning' : Position.parse([{ keyspace: KEYSPACE, shard: SHARD, gtid: START_GTID }]),
    ...(measure.types ? { types: measure.types as NonNullable<StreamOptions['types']> } : {}),
  };
}

async function loop(measure: Measure, meter: Meter): Promise<Measured> {
  const stream = vstream(options(measure));
  for await (const batch of stream) {
    meter.begin();
    for (const change of batch.changes) seen.last = change.after;
    meter.rows += batch.changes.length;
    meter.bytes += batch.bytes;
    if (meter.rows >= measure.rows) break;
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
        meter.begin();
        take(batch);
        meter.rows += batch.changes.length;
        meter.bytes += batch.bytes;
        if (meter.rows >= measure.rows) ended(meter.end());
      },
      close: async () => {},
    },
  });
  const { promise, resolve: ended } = deferred<Measured>();
  const measured = await Promise.race([promise, running.finished.then(() => promise)]);
  await running.close();
  return measured;
}
