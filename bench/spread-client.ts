/** A client process of spread.ts: receives a stream over many shards and tables, or waits beside an idle one. */
import { setTimeout as wait } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { Position, type StreamOptions, vstream } from '../src/index.js';
import { createTransport } from '../src/transport/grpc.js';
import { TabletType } from '../src/wire/gen/topodata_pb.js';
import { VStreamRequestSchema } from '../src/wire/gen/vtgate_pb.js';
import { Meter } from './meter.js';
import { type Measured, serve } from './protocol.js';
import { ROWS_PER_TRANSACTION, SPREAD_KEYSPACE, shardNames, type Spread, uuidOf } from './spread-frames.js';
import type { SpreadPrepared } from './spread-server.js';

export interface SpreadMeasure extends Spread, SpreadPrepared {
  readonly kind: 'floor' | 'typed' | 'idle';
}

const IDLE_MS = 10_000;
/** Half of the rows optimise the code that tables with the same columns share. */
const WARM = 0.6;

serve((measure: SpreadMeasure): Promise<Measured> => {
  if (measure.kind === 'floor') return floor(measure);
  return measure.kind === 'typed' ? typed(measure) : idle(measure);
});

function options({ address, shards }: SpreadMeasure): StreamOptions {
  const from = shardNames(shards).map((shard, at) => ({ keyspace: SPREAD_KEYSPACE, shard, gtid: `MySQL56/${uuidOf(at)}:1-100` }));
  return { source: { vtgate: address, keyspace: SPREAD_KEYSPACE, tabletType: 'primary' }, from: Position.parse(from) };
}

async function floor(measure: SpreadMeasure): Promise<Measured> {
  const meter = new Meter(measure, WARM);
  const transport = createTransport({ vtgate: measure.address });
  // The replay server sends the same whatever it is asked for.
  const request = create(VStreamRequestSchema, {
    tabletType: TabletType.PRIMARY,
    vgtid: { shardGtids: shardNames(measure.shards).map((shard) => ({ keyspace: SPREAD_KEYSPACE, shard })) },
  });
  const fields = measure.shards * measure.tables;
  let messages = 0;
  for await (const message of transport.open(request)) {
    meter.tick();
    meter.bytes += message.length;
    if (++messages > fields) meter.rows += ROWS_PER_TRANSACTION;
    if (meter.rows >= measure.rows) break;
  }
  const measured = meter.end();
  await transport.close();
  return measured;
}

async function typed(measure: SpreadMeasure): Promise<Measured> {
  const meter = new Meter(measure, WARM);
  let last: unknown;
  for await (const batch of vstream(options(measure))) {
    meter.tick();
    for (const change of batch.changes) last = change.after;
    meter.rows += batch.changes.length;
    meter.bytes += batch.bytes;
    if (meter.rows >= measure.rows) break;
  }
  if (last === undefined) throw new Error('no row arrived');
  return meter.end();
}

/** What waiting costs: `cpuUs` of `wallMs`. */
async function idle(measure: SpreadMeasure): Promise<Measured> {
  const leave = new AbortController();
  const reading = (async () => {
    for await (const _ of vstream({ ...options(measure), signal: leave.signal }));
  })();
  // Connecting and looking up is not waiting.
  await wait(3_000);
  const meter = new Meter(undefined);
  meter.tick();
  await wait(IDLE_MS);
  const measured = meter.end();
  leave.abort();
  await reading;
  return measured;
}
