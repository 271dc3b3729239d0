/** The bad and odd requests of captures/errors.json, put to the engine: same status, same text, same events. */
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { errorCases } from '../../test/captures/load.js';
import { RawClient } from '../../test/support/raw-client.js';
import { VStreamRequestSchema } from '../wire/gen/vtgate_pb.js';
import { ManualClock } from './clock.js';
import { startEmbeddedVtgate } from './server.js';

const UUID = 'ba05c1f7-e695-11f1-830a-02fc00000001';
const PRODUCT = {
  columns: [
    { name: 'sku', type: 'varchar(64)', key: true },
    { name: 'price', type: 'bigint' },
  ],
  rows: Array.from({ length: 6 }, (_, index) => ({ sku: `s${index}`, price: index })),
};

const cases = errorCases().filter((one) => one.request !== undefined && !/\(prep\)/.test(one.name));

test.each(cases.map((one) => [one.name, one] as const))('%s', async (name, one) => {
  const clock = new ManualClock();
  await using vtgate = await startEmbeddedVtgate({
    clock,
    servers: 'shared',
    history: { '*': { uuid: UUID, executed: `${UUID}:1-266` } },
    keyspaces: {
      commerce: { tables: { product: PRODUCT, orders: { columns: [{ name: 'id', type: 'bigint', key: true }] } } },
      customer: { shards: ['-80', '80-'], tables: { customer: { columns: [{ name: 'id', type: 'bigint', key: true }] } } },
    },
  });
  const client = new RawClient(vtgate.address);
  const request = fromJson(VStreamRequestSchema, one.request as JsonValue);
  request.flags ??= fromJson(VStreamRequestSchema, { flags: { heartbeat_interval: 1 } }).flags as NonNullable<typeof request.flags>;
  if (!JSON.stringify(one.request).includes('tablet_type')) request.tabletType = 1;
  const stream = client.stream(request);
  const wanted = one.events ?? [];
  const end = one.code ?? undefined;
  if (end === undefined || one.name.startsWith('max_stream_age')) {
    await vtgate.opened();
    await vtgate.quiet();
    for (let second = 0; second < wanted.filter((type) => type === 'HEARTBEAT').length; second += 1) clock.advance(1000);
    if (end === undefined) vtgate.endStreams();
  }
  const ended = await stream.ended();
  client.close();
  expect(ended.code).toBe(end ?? 0);
  if (end !== undefined) expect(plain(ended.details)).toBe(plain(one.details ?? ''));
  const data = (types: readonly string[]): string[] => types.filter((type) => type !== 'HEARTBEAT');
  expect(data(stream.types).slice(0, data(wanted).length)).toEqual(data(wanted));
  expect(stream.types.includes('HEARTBEAT')).toBe(wanted.includes('HEARTBEAT'));
  expect(name).toBe(one.name);
});

/** Tablet names and the jitter of an age are the server's own. */
function plain(text: string): string {
  return text.replace(/\b(zone1|test)-\d{10}/g, 'TABLET').replace(/ \(jitter: [^)]*\)/, '');
}
