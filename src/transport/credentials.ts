/** TLS credentials and the metadata of each RPC, from the options. Layer 2; reached by dynamic import only. */
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { credentials, Metadata, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { VStreamError } from '../errors.js';
import type { Auth, ConnectOptions, Text } from './options.js';
import { resolveText } from './secrets.js';

const SKIP_VERIFY = { rejectUnauthorized: false, checkServerIdentity: () => undefined };

/**
 * A server named by an IP address: Node 26 refuses an address as TLS server name, and grpc-js gives it one. A name that no
 * certificate carries is sent instead, and the certificate is still checked against the address.
 */
const NO_SERVER_NAME = 'address.invalid';

/** Resolved anew for each channel, so that renewed certificates are used at the next connection. `address` is `host:port`. */
export async function channelCredentials(
  tls: ConnectOptions['tls'],
  address: string,
): Promise<{ credentials: ChannelCredentials; options: ChannelOptions }> {
  if (tls === undefined || tls === false) return { credentials: credentials.createInsecure(), options: {} };
  const options = tls === true ? {} : tls;
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw new VStreamError('CONFIG_INVALID', 'tls.cert and tls.key are needed together', { next: 'Give both, or none.' });
  }
  const [ca, cert, key] = await Promise.all([pem(options.ca, 'tls.ca'), pem(options.cert, 'tls.cert'), pem(options.key, 'tls.key')]);
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
  const byAddress = options.serverName === undefined && isIP(host) !== 0;
  const check = (_name: string, certificate: PeerCertificate): Error | undefined => checkServerIdentity(host, certificate);
  const verify = options.insecureSkipVerify === true ? SKIP_VERIFY : byAddress ? { checkServerIdentity: check } : {};
  let made: ChannelCredentials;
  try {
    made = credentials.createSsl(ca, key, cert, verify);
  } catch (error) {
    // OpenSSL's own words name the fault ("no start line", "key values mismatch") and hold no secret.
    const reason = error instanceof Error ? error.message : 'unreadable PEM';
    throw new VStreamError('CONFIG_INVALID', `the PEM of tls.ca, tls.cert or tls.key cannot be used: ${reason}`, {
      next: 'Give PEM text, or `{ file: "path.pem" }`; key and certificate must belong together.',
    });
  }
  const name = options.serverName;
  if (name !== undefined) return { credentials: made, options: { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name } };
  return { credentials: made, options: byAddress ? { 'grpc.ssl_target_name_override': NO_SERVER_NAME } : {} };
}

async function pem(text: Text | undefined, what: string): Promise<Buffer | null> {
  return text === undefined ? null : Buffer.from(await resolveText(text, what));
}

/** Metadata of one RPC. User and password are plain metadata in VTGate's static authentication, with or without TLS. */
export async function callMetadata(auth: Auth | undefined): Promise<Metadata> {
  const metadata = new Metadata();
  if (!auth) return metadata;
  if ('username' in auth) {
    set(metadata, 'username', await resolveText(auth.username, 'auth.username'));
    set(metadata, 'password', await resolveText(auth.password, 'auth.password'));
    return metadata;
  }
  const source = auth.metadata;
  if (typeof source === 'function') {
    let entries: Record<string, string>;
    try {
      entries = await source();
    } catch (error) {
      throw VStreamError.is(error)
        ? error
        : new VStreamError('AUTH_FAILED', 'the function in auth.metadata threw', { next: 'See the cause.', cause: error });
    }
    for (const [name, value] of Object.entries(entries)) set(metadata, name, value);
    return metadata;
  }
  for (const [name, text] of Object.entries(source)) set(metadata, name, await resolveText(text, `auth.metadata.${name}`));
  return metadata;
}

function set(metadata: Metadata, name: string, value: string): void {
  try {
    metadata.set(name, value);
  } catch {
    // grpc-js quotes the value in its message: ours must not.
    throw new VStreamError('CONFIG_INVALID', `auth gives a name or value that cannot be metadata: ${JSON.stringify(name)}`, {
      next: 'Use lower-case letters, digits, `-`, `_` and `.` in names, and printable ASCII in values.',
    });
  }
}
