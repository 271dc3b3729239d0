import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEmbeddedVtgate, type EmbeddedVtgate } from '../embedded/index.js';
import { statementTests } from '../../test/support/statements.js';
import { createTransport } from '../transport/grpc.js';
import type { Transport } from '../transport/transport.js';

const orders = {
  columns: [
    { name: 'order_id', type: 'bigint', key: true },
    { name: 'note', type: 'varchar(255)' },
  ],
};
let vtgate: EmbeddedVtgate;
let transport: Transport;

beforeAll(async () => {
  vtgate = await startEmbeddedVtgate({
    keyspaces: {
      commerce: { tables: { orders, product: { columns: [{ name: 'sku', type: 'varbinary(128)', key: true }] } } },
      sharded: { shards: ['-80', '80-'], tables: { orders } },
      vstream: {},
    },
  });
  transport = createTransport({ vtgate: vtgate.address });
});

afterAll(async () => {
  await transport.close();
  await vtgate.close();
});

describe('statements on the embedded VTGate', () => {
  statementTests(() => transport);
  test('are all known to it', () => {
    expect(vtgate.unexpectedStatements).toEqual([]);
  });
});
