/** The same statements on a real Vitess: `VSTREAM_TEST_VTGATE=host:port`, keyspaces as test/support/statements.ts says. */
import { afterAll, beforeAll, describe } from 'vitest';
import { statementTests } from '../../test/support/statements.js';
import { must } from '../internal/must.js';
import { createTransport } from '../transport/grpc.js';
import type { Transport } from '../transport/transport.js';

const vtgate = process.env['VSTREAM_TEST_VTGATE'];

describe.skipIf(vtgate === undefined)('statements on a real Vitess', () => {
  let transport: Transport;
  beforeAll(() => {
    transport = createTransport({ vtgate: must(vtgate, 'VSTREAM_TEST_VTGATE') });
  });
  afterAll(() => transport.close());
  statementTests(() => transport);
});
