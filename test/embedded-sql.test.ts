/** Every statement the client can send is one the embedded VTGate answers, and the client can read the answer. */
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmbeddedVtgate, ManualClock, type EmbeddedVtgate } from '../src/embedded/index.js';
import * as gtids from '../src/sql/gtids.js';
import * as state from '../src/sql/state-table.js';
import type { Bind, Statement } from '../src/sql/statement.js';
import * as tables from '../src/sql/tables.js';
import { showThrottledApps, showThrottlerStatus } from '../src/sql/throttler.js';
import * as topology from '../src/sql/topology.js';
import * as variables from '../src/sql/variables.js';
import { BindVariableSchema, Type } from '../src/wire/gen/query_pb.js';
import { must } from '../src/internal/must.js';
import { RawClient } from './support/raw-client.js';

const clock = new ManualClock();
const STATE = { keyspace: 'commerce', table: 'streams' };
const FENCE = { name: 's', part: '', owner: 'me', epoch: 1n };
let vtgate: EmbeddedVtgate;
let client: RawClient;

beforeAll(async () => {
  vtgate = await startEmbeddedVtgate({
    clock,
    keyspaces: {
      commerce: {
        tables: {
          orders: {
            columns: [
              { name: 'id', type: 'bigint unsigned', key: true },
              { name: 'note', type: 'text' },
            ],
          },
        },
      },
      customer: { shards: ['-80', '80-'] },
    },
  });
  client = new RawClient(vtgate.address);
});

afterAll(async () => {
  client.close();
  await vtgate.close();
});

function bindOf(value: Bind) {
  if (value === null) return create(BindVariableSchema, { type: Type.NULL_TYPE });
  const type = typeof value === 'string' ? Type.VARCHAR : value instanceof Uint8Array ? Type.VARBINARY : Type.INT64;
  return create(BindVariableSchema, { type, value: value instanceof Uint8Array ? value : Buffer.from(String(value)) });
}

async function run<T>(statement: Statement<T>): Promise<T> {
  const bindVariables = Object.fromEntries(Object.entries(statement.binds ?? {}).map(([name, value]) => [name, bindOf(value)]));
  const response = await client.execute({
    session: { targetString: statement.target, autocommit: true },
    query: { sql: statement.text, bindVariables },
  });
  if (response.error) throw new Error(`${statement.text}: ${response.error.message}`);
  return statement.read(must(response.result, 'a result'));
}

test('topology, settings, positions and schema', async () => {
  expect(await run(topology.showShards())).toEqual([
    { keyspace: 'commerce', shard: '0' },
    { keyspace: 'customer', shard: '-80' },
    { keyspace: 'customer', shard: '80-' },
  ]);
  expect((await run(topology.showTablets())).filter((tablet) => tablet.serving && tablet.type === 'replica')).toHaveLength(3);
  expect(await run(topology.showKeyspaces())).toEqual(['commerce', 'customer']);
  expect(await run(topology.showVSchemaKeyspaces())).toEqual([
    { keyspace: 'commerce', sharded: false },
    { keyspace: 'customer', sharded: true },
  ]);
  expect((await run(variables.selectBinlogSettings('commerce', '0'))).rowImage).toBe('FULL');
  expect((await run(gtids.selectServerGtids('commerce', '0', 'replica'))).executed).toBe(vtgate.engine.executed('commerce'));
  expect(await run(gtids.showExecutedGtids('customer'))).toHaveLength(2);
  expect(await run(tables.selectTables('commerce'))).toContain('orders');
  expect(
    (await run(tables.selectColumns('commerce')))
      .filter((column) => column.table === 'orders')
      .map((column) => [column.name, column.type, column.charset]),
  ).toEqual([
    ['id', 'bigint unsigned', undefined],
    ['note', 'text', 'utf8mb4'],
  ]);
  expect(await run(tables.selectPrimaryKeys('commerce'))).toContainEqual({ table: 'orders', column: 'id', position: 1 });
  expect(await run(tables.selectForeignKeys('commerce'))).toEqual([]);
  expect(await run(tables.selectTableRows('commerce', '0'))).toContainEqual({ table: 'orders', rows: 0n });
});

test('the life of a state row: created, claimed, fenced, expired, taken over, released, reset', async () => {
  await run(state.createStateTable(STATE));
  await run(state.createStateTable(STATE));
  expect(await run(state.probeStateWrite(STATE))).toBe(0n);
  expect(await run(state.insertState(STATE, 's', '', 1, 'inc'))).toBe(1n);
  expect(await run(state.insertState(STATE, 's', '', 1, 'other'))).toBe(0n);
  expect(await run(state.claimState(STATE, 's', '', 'me', 10_000_000n))).toBe(1n);
  expect(await run(state.claimState(STATE, 's', '', 'you', 10_000_000n))).toBe(0n);
  expect(await run(state.writeState(STATE, FENCE, { position: 'p1', lastError: 'oops' }, 10_000_000n))).toBe(1n);
  expect(await run(state.writeState(STATE, { ...FENCE, epoch: 9n }, { position: 'no' }, 10_000_000n))).toBe(0n);
  const at = (beat: bigint) => ({ name: 's', part: '', beat });
  expect(await run(state.requestState(STATE, at(1n), 'r0', '[]'))).toBe(0n);
  expect(await run(state.requestState(STATE, at(2n), 'r1', '[{"a":1}]'))).toBe(1n);
  const outcome = (lastId: string) => ({ requests: { lastId, json: '[{"a":2}]' }, lastError: null });
  expect(await run(state.writeState(STATE, FENCE, outcome('r0'), 10_000_000n))).toBe(1n);
  expect(await run(state.selectStateHolder(STATE, 's', ''))).toMatchObject({ request: '[{"a":1}]' });
  expect(await run(state.writeState(STATE, FENCE, outcome('r1'), 10_000_000n))).toBe(1n);
  expect(await run(state.selectState(STATE, 's', ''))).toMatchObject({
    owner: 'me',
    epoch: 1n,
    beat: 5n,
    position: 'p1',
    lastError: undefined,
    request: '[{"a":2}]',
    incarnation: 'inc',
  });
  clock.advance(10_001);
  expect(await run(state.claimState(STATE, 's', '', 'you', 10_000_000n))).toBe(1n);
  expect(await run(state.releaseState(STATE, FENCE))).toBe(0n);
  expect(await run(state.resetState(STATE, 's', '', 1, 'new', undefined))).toBe(0n);
  expect(await run(state.releaseState(STATE, { ...FENCE, owner: 'you', epoch: 2n }))).toBe(1n);
  expect(await run(state.resetState(STATE, 's', '', 1, 'new', 'p2'))).toBe(1n);
  expect(await run(state.selectStates(STATE))).toEqual([
    expect.objectContaining({ incarnation: 'new', position: 'p2', owner: undefined, leaseRemaining: undefined, epoch: 3n }),
  ]);
});

test('the throttler: off, with the rule that is always there, and on with one for streams', async () => {
  expect(await run(showThrottlerStatus('customer', '80-'))).toEqual({ enabled: false, threshold: 5 });
  expect(await run(showThrottledApps('customer', '80-'))).toMatchObject([{ app: 'always-throttled-app', ratio: 1 }]);
  const release = vtgate.faults.throttle('customer', '80-', { by: 'rule' });
  expect(await run(showThrottlerStatus('customer', '80-'))).toEqual({ enabled: true, threshold: 5 });
  expect((await run(showThrottledApps('customer', '80-'))).map(({ app }) => app)).toEqual(['always-throttled-app', 'vstreamer']);
  expect(await run(showThrottlerStatus('customer', '-80'))).toEqual({ enabled: false, threshold: 5 });
  release();
  expect(await run(showThrottledApps('customer', '80-'))).toHaveLength(1);
});

test('none of them was unexpected', () => {
  expect(vtgate.unexpectedStatements).toEqual([]);
});
