/** The `source` of a stream: addresses, security, tablets, flags. Pure. Layer 3. */
import { Fields, isObject } from '../internal/fields.js';
import { shown, type Problems } from '../internal/problems.js';
import type { Auth, TabletTypeName, TlsOptions } from './options.js';
import type { ValidatedFlags, ValidatedSource } from './validated.js';

const MiB = 1024 * 1024;
/** A signed 32-bit number in HTTP/2 and grpc-js. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;
/** `heartbeat_interval` and `max_stream_age_seconds` are uint32. */
const MAX_SECONDS = 2 ** 32 - 1;

export const SOURCE_OPTIONS = [
  'vtgate',
  'keyspace',
  'shards',
  'tls',
  'auth',
  'callerId',
  'tabletType',
  'cells',
  'flags',
  'maxMessageBytes',
  'socket',
] as const;

const NO_FLAGS: ValidatedFlags = {
  heartbeatSeconds: 5,
  minimizeSkew: false,
  streamKeyspaceHeartbeats: true,
  cellPreference: '',
  tabletOrder: '',
  maxStreamAgeSeconds: 0,
};

const NOTHING: ValidatedSource = {
  addresses: [],
  keyspace: undefined,
  shards: undefined,
  tls: undefined,
  auth: undefined,
  callerId: undefined,
  tabletType: undefined,
  cells: [],
  flags: NO_FLAGS,
  maxMessageBytes: 64 * MiB,
  socket: 'main',
};

/** Reads `source`; notes problems. The result is only complete when none was noted. */
export function validateSource(problems: Problems, options: Fields): ValidatedSource {
  // Without any source the first thing to say is the address, not the shape of the object around it.
  const fields = Fields.of(problems, 'source', options.raw('source') ?? {}, { known: SOURCE_OPTIONS });
  if (!fields) return NOTHING;
  const keyspace = readKeyspace(fields);
  return {
    addresses: readAddresses(fields),
    keyspace,
    shards: readShards(fields, keyspace),
    tls: readTls(problems, fields),
    auth: readAuth(problems, fields),
    callerId: fields.text('callerId'),
    tabletType: fields.oneOf<TabletTypeName>('tabletType', ['primary', 'replica', 'rdonly']),
    cells: fields.names('cells', "['zone1']") ?? [],
    flags: readFlags(problems, fields),
    maxMessageBytes: fields.count('maxMessageBytes', NOTHING.maxMessageBytes, 64 * 1024, MAX_MESSAGE_BYTES),
    socket: fields.oneOf('socket', ['main', 'thread']) ?? NOTHING.socket,
  };
}

function readAddresses(fields: Fields): readonly string[] {
  const example = 'Give the gRPC address of a VTGate, for example `localhost:15991`.';
  const value = fields.raw('vtgate');
  if (!fields.require('vtgate', example)) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) fields.fail('vtgate', 'is an empty list', example);
  const addresses: string[] = [];
  for (const one of list) {
    const problem = addressProblem(one);
    if (problem) fields.fail('vtgate', problem, example);
    else addresses.push((one as string).trim());
  }
  return [...new Set(addresses)];
}

function addressProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return `must be \`host:port\`, not ${shown(value)}`;
  const text = value.trim();
  // What stands before an @ may be a password: it is not repeated.
  if (text.includes('@')) return 'must be `host:port` without user and password (they belong into `auth`)';
  if (/^\w+:\/\//.test(text)) return `must be \`host:port\` without a scheme, not ${shown(text)}`;
  if (text.includes(',')) return `holds several addresses, which are written as a list: ${shown(text)}`;
  const match = /^(?:\[[0-9a-f:.%\w]+\]|[^\s:/[\]]+):(\d{1,5})$/i.exec(text);
  if (!match) return /:\d+$/.test(text) || text === '' ? `is not \`host:port\`: ${shown(text)}` : `has no port: ${shown(text)}`;
  const port = Number(match[1]);
  return port >= 1 && port <= 65_535 ? undefined : `has a port out of range: ${shown(text)}`;
}

/** Vitess allows letters, digits, `_` and `-` in the name of a keyspace. */
function readKeyspace(fields: Fields): string | undefined {
  const keyspace = fields.text('keyspace', 'Write the name of the keyspace, such as `commerce`.');
  if (keyspace === undefined || isKeyspaceName(keyspace)) return keyspace;
  const bare = /^([\w-]+)[/@:.]/.exec(keyspace)?.[1];
  const next =
    bare === undefined ? 'Letters, digits, `_` and `-` are allowed.' : `Write \`${bare}\`; shards belong into \`source.shards\`.`;
  return fields.fail('keyspace', `is not the name of a keyspace: ${shown(keyspace)}`, next);
}

export function isKeyspaceName(name: string): boolean {
  return /^[\w-]+$/.test(name);
}

function readShards(fields: Fields, keyspace: string | undefined): readonly string[] | undefined {
  const shards = fields.names('shards', "['-80', '80-']");
  if (!shards) return undefined;
  for (const shard of shards) {
    if (/[\s/,]/.test(shard)) fields.fail('shards', `holds ${shown(shard)}`, "Write the shard alone, such as `'-80'`, one per entry.");
  }
  if (keyspace === undefined && !fields.has('keyspace'))
    fields.fail('shards', 'needs `source.keyspace`', 'Name the keyspace of these shards.');
  return shards;
}

const TEXT_NEXT = "Write `{ env: 'NAME' }`, `{ file: 'path' }` or the text itself.";

/** A secret: text, `{ env }` or `{ file }`. Its value is neither read nor shown here. */
function checkText(fields: Fields, name: string): void {
  const value = fields.raw(name);
  if (value === undefined || (typeof value === 'string' && value !== '')) return;
  const source = isObject(value) ? Object.entries(value) : [];
  const [entry] = source;
  if (source.length === 1 && entry && ['env', 'file'].includes(entry[0]) && typeof entry[1] === 'string' && entry[1] !== '') return;
  fields.fail(name, value === '' ? 'is empty' : 'must be text, `{ env }` or `{ file }`', TEXT_NEXT);
}

function readTls(problems: Problems, source: Fields): TlsOptions | undefined {
  const value = source.raw('tls');
  if (value === undefined || value === false) return undefined;
  if (value === true) return {};
  const fields = Fields.of(problems, 'source.tls', value, { known: ['ca', 'cert', 'key', 'serverName', 'insecureSkipVerify'] });
  if (!fields) return undefined;
  for (const name of ['ca', 'cert', 'key']) {
    checkText(fields, name);
    const text = fields.raw(name);
    // A path written where the PEM itself is expected would otherwise fail in the handshake, as an outage.
    if (typeof text === 'string' && text !== '' && !text.includes('-----BEGIN ')) {
      fields.fail(name, 'is not in PEM form', `Write \`{ file: 'path/to/${name}.pem' }\` for a file.`);
    }
  }
  if (fields.has('cert') !== fields.has('key')) {
    const [there, missing] = fields.has('cert') ? ['cert', 'key'] : ['key', 'cert'];
    fields.fail(missing, `is missing beside \`${there}\``, 'Give both `cert` and `key` for mTLS, or none.');
  }
  fields.text('serverName');
  if (fields.flag('insecureSkipVerify', false) && fields.has('ca')) {
    fields.fail('insecureSkipVerify', 'contradicts `ca`', 'Remove one: with it any certificate is accepted.');
  }
  return value as TlsOptions;
}

function readAuth(problems: Problems, source: Fields): Auth | undefined {
  const value = source.raw('auth');
  if (value === undefined) return undefined;
  const fields = Fields.of(problems, 'source.auth', value, { known: ['username', 'password', 'metadata'] });
  if (!fields) return undefined;
  if (fields.has('metadata')) {
    if (fields.has('username') || fields.has('password')) {
      fields.fail('metadata', 'stands beside a user name or password', 'Give either `username` and `password`, or `metadata`.');
    }
    checkMetadata(problems, fields);
  } else {
    for (const name of ['username', 'password']) {
      if (fields.require(name, 'Give both `username` and `password`, or `metadata`.')) checkText(fields, name);
    }
  }
  return value as Auth;
}

function checkMetadata(problems: Problems, auth: Fields): void {
  const value = auth.raw('metadata');
  if (typeof value === 'function') return;
  const names = isObject(value) ? Object.keys(value) : [];
  const fields = Fields.of(problems, auth.at('metadata'), value, { known: names });
  if (!fields) return;
  for (const name of names) {
    if (!/^[0-9a-z_.-]+$/.test(name)) fields.fail(name, 'is not a metadata name', 'Use lower-case letters, digits, `_`, `-` and `.`.');
    else if (name.startsWith('grpc-')) fields.fail(name, 'is reserved by gRPC', 'Use another name.');
    else checkText(fields, name);
  }
}

function readFlags(problems: Problems, source: Fields): ValidatedFlags {
  const known = ['heartbeatInterval', 'minimizeSkew', 'streamKeyspaceHeartbeats', 'cellPreference', 'tabletOrder', 'maxStreamAge'];
  const fields = Fields.of(problems, 'source.flags', source.raw('flags') ?? {}, { known });
  if (!fields) return NO_FLAGS;
  return {
    heartbeatSeconds: seconds(fields, 'heartbeatInterval', NO_FLAGS.heartbeatSeconds),
    minimizeSkew: fields.flag('minimizeSkew', false),
    streamKeyspaceHeartbeats: fields.flag('streamKeyspaceHeartbeats', true),
    cellPreference: fields.oneOf('cellPreference', ['preferlocalwithalias', 'onlyspecified']) ?? '',
    tabletOrder: fields.oneOf('tabletOrder', ['any', 'inorder']) ?? '',
    maxStreamAgeSeconds: seconds(fields, 'maxStreamAge', 0),
  };
}

/** The server counts whole seconds. */
function seconds(fields: Fields, name: string, fallback: number): number {
  const ms = fields.duration(name, fallback * 1000, 1000);
  const value = ms / 1000;
  if (Number.isInteger(value) && value <= MAX_SECONDS) return value;
  fields.fail(name, `must be whole seconds, not ${shown(fields.raw(name))}`, 'Write for example `5s`.');
  return fallback;
}
