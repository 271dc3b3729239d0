import { ServerCredentials } from '@grpc/grpc-js';
import { create, toBinary } from '@bufbuild/protobuf';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../../test/support/grpc-server.js';
import { createAuthority } from '../../test/support/x509.js';
import { ExecuteResponseSchema } from '../wire/gen/vtgate_pb.js';
import { createTransport } from './grpc.js';
import type { ConnectOptions, TlsOptions } from './options.js';

const authority = createAuthority();
const stranger = createAuthority();
const leaf = authority.issue({ dns: ['vtgate.test'], ip: ['127.0.0.1'] });
const client = authority.issue({ dns: ['client.test'] });
const empty = Buffer.from(toBinary(ExecuteResponseSchema, create(ExecuteResponseSchema, { result: {} })));

const servers: Record<'plain' | 'tls' | 'mtls' | 'named' | 'expired', TestServer> = {} as never;

function credentials(identity: { cert: string; key: string }, clientCa?: string): ServerCredentials {
  const pair = [{ private_key: Buffer.from(identity.key), cert_chain: Buffer.from(identity.cert) }];
  return ServerCredentials.createSsl(clientCa === undefined ? null : Buffer.from(clientCa), pair, clientCa !== undefined);
}

beforeAll(async () => {
  const execute = (_call: unknown, answer: (error: null, value: Buffer) => void): void => answer(null, empty);
  const day = 86_400_000;
  const expired = authority.issue({ ip: ['127.0.0.1'], validFrom: new Date(Date.now() - 3 * day), validTo: new Date(Date.now() - day) });
  servers.plain = await startServer({ execute });
  servers.tls = await startServer({ execute, credentials: credentials(leaf) });
  servers.mtls = await startServer({ execute, credentials: credentials(leaf, authority.ca) });
  servers.named = await startServer({ execute, credentials: credentials(authority.issue({ dns: ['vtgate.test'] })) });
  servers.expired = await startServer({ execute, credentials: credentials(expired) });
});

afterAll(async () => {
  for (const server of Object.values(servers)) await server.close();
});

async function outcome(server: keyof typeof servers, tls: ConnectOptions['tls']): Promise<unknown> {
  const transport = createTransport({ vtgate: servers[server].address, ...(tls === undefined ? {} : { tls }) });
  try {
    await transport.execute({ target: '', text: 'select 1' });
    return 'connected';
  } catch (error) {
    return error;
  } finally {
    await transport.close();
  }
}

const trust: TlsOptions = { ca: authority.ca };

describe('TLS', () => {
  test.each([
    ['tls', trust],
    ['named', { ...trust, serverName: 'vtgate.test' }],
    ['named', { insecureSkipVerify: true }],
    ['tls', { ca: stranger.ca, insecureSkipVerify: true }],
    ['mtls', { ...trust, cert: client.cert, key: client.key }],
  ] as const)('connects to a %s server with the right options (%#)', async (server, tls) => {
    expect(await outcome(server, tls)).toBe('connected');
  });

  // Each is UNAVAILABLE for grpc-js; each is final, and the next step differs (connect-errors.json).
  test.each([
    ['an untrusted authority', 'tls', { ca: stranger.ca }, 'not trusted', 'tls.ca'],
    ['the authorities of the system', 'tls', true, 'not trusted', 'tls.ca'],
    ['a certificate for another name', 'named', trust, 'another name', 'tls.serverName'],
    ['an expired certificate', 'expired', trust, 'expired', 'Renew'],
    ['TLS to a plain server', 'plain', trust, 'plain text', 'Remove `tls`'],
    ['no client certificate where one is asked for', 'mtls', trust, 'client certificate', 'tls.cert'],
  ] as const)('%s is TLS_FAILED and says what to change', async (_what, server, tls, says, next) => {
    expect(await outcome(server, tls)).toMatchObject({
      code: 'TLS_FAILED',
      category: 'config',
      message: expect.stringContaining(says),
      next: expect.stringContaining(next),
    });
  });

  test('plain text to a TLS server fails with a hint at `tls`', async () => {
    expect(await outcome('tls', undefined)).toMatchObject({ code: 'CONNECT_FAILED', next: expect.stringContaining('tls') });
  });

  test('a client certificate of a stranger fails with a hint at `tls.cert`, as Node hangs up without an alert', async () => {
    const error = await outcome('mtls', { ...trust, ...stranger.issue({ dns: ['x'] }) });
    expect(error).toMatchObject({ next: expect.stringContaining('tls.cert') });
  });

  test('certificate and key belong together, and unreadable PEM is told without its content', async () => {
    expect(await outcome('tls', { ...trust, cert: client.cert })).toMatchObject({ code: 'CONFIG_INVALID' });
    const error = await outcome('tls', { ...trust, cert: client.cert, key: 'hunter2' });
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('hunter2') });
  });

  test('PEM is read from files at each connection, so that a renewed certificate is taken up', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vstream-tls-'));
    try {
      const file = join(directory, 'ca.pem');
      await writeFile(file, stranger.ca);
      const transport = createTransport({ vtgate: servers.tls.address, tls: { ca: { file } } });
      await expect(transport.execute({ target: '', text: 'select 1' })).rejects.toMatchObject({ code: 'TLS_FAILED' });
      await writeFile(file, authority.ca);
      await transport.execute({ target: '', text: 'select 1' });
      await transport.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
