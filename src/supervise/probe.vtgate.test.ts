/** Positions and failures on a real Vitess: `VSTREAM_TEST_VTGATE=host:port`, keyspaces `commerce` (shard `0`, table `product`) and `sharded`. */
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../internal/must.js';
import { selectServerGtids } from '../sql/gtids.js';
import { runStatement } from '../sql/statement.js';
import { createTransport } from '../transport/grpc.js';
import type { Transport } from '../transport/transport.js';
import { TabletType } from '../wire/gen/topodata_pb.js';
import { VStreamRequestSchema } from '../wire/gen/vtgate_pb.js';
import { probePositions } from './probe.js';

const vtgate = process.env['VSTREAM_TEST_VTGATE'];

describe.skipIf(vtgate === undefined)('on a real Vitess', () => {
  let transport: Transport;
  beforeAll(() => {
    transport = createTransport({ vtgate: must(vtgate, 'VSTREAM_TEST_VTGATE') });
  });
  afterAll(() => transport.close());

  test('positions are judged ok, ahead, foreign, of an unknown shard, undecodable', async () => {
    const { executed } = await runStatement(transport, selectServerGtids('commerce', '0'));
    const uuid = executed.slice(0, 36);
    const judge = async (shard: string, gtid: string): Promise<string | undefined> =>
      (await probePositions(transport, [{ keyspace: 'commerce', shard, gtid }], 'replica'))[0]?.verdict.verdict;
    expect(await judge('0', `MySQL56/${executed}`)).toBe('ok');
    expect(await judge('0', `MySQL56/${uuid}:1-100000000`)).toBe('ahead');
    expect(await judge('0', 'MySQL56/00000000-0000-0000-0000-000000000001:1-5')).toBe('foreign');
    expect(await judge('-80', `MySQL56/${executed}`)).toBe('unknown-shard');
    expect(await judge('0', 'garbage')).toBe('undecodable');
  });

  interface Wrong {
    readonly keyspace?: string;
    readonly shard?: string;
    readonly gtid?: string;
    readonly table?: string;
  }

  test.each<[string, Wrong]>([
    ['KEYSPACE_NOT_FOUND', { keyspace: 'nope', shard: '' }],
    ['SHARD_NOT_FOUND', { keyspace: 'sharded', shard: '-40' }],
    ['POSITION_INVALID', { gtid: 'garbage' }],
    ['TABLE_NOT_FOUND', { gtid: '', table: 'missing' }],
  ])('a stream fails with %s for %j', async (code, { keyspace = 'commerce', shard = '0', gtid = 'current', table = 'product' }) => {
    const request = create(VStreamRequestSchema, {
      tabletType: TabletType.PRIMARY,
      vgtid: { shardGtids: [{ keyspace, shard, gtid }] },
      filter: { rules: [{ match: table, filter: `select * from ${table}` }] },
    });
    const first = transport.open(request)[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code });
  });

  test('leaving a stream leaves the transport usable', async () => {
    const request = create(VStreamRequestSchema, {
      tabletType: TabletType.PRIMARY,
      vgtid: { shardGtids: [{ keyspace: 'commerce', shard: '0', gtid: 'current' }] },
      filter: { rules: [{ match: '/.*' }] },
      flags: { heartbeatInterval: 1 },
    });
    for (let round = 0; round < 3; round += 1) {
      for await (const message of transport.open(request)) {
        expect(message.length).toBeGreaterThan(0);
        break;
      }
    }
    await transport.execute({ target: 'commerce@primary', text: 'select 1' });
  });
});
