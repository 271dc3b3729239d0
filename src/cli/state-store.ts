/** The state store a command is about: from the configuration, or from flags alone. */
import { VStreamError } from '../errors.js';
import { Fields, isObject } from '../internal/fields.js';
import { Problems, shown } from '../internal/problems.js';
import { readName, readState } from '../pipeline/validate.js';
import type { CheckpointStore, StateRecord } from '../stores/store.js';
import { validateSource } from '../stream/validate-source.js';
import { findConfig, loadConfig } from './config.js';
import { optionsOfFlags, overlay } from './flags.js';
import { withParts } from './parts.js';
import type { Session } from './session.js';

type Values = Readonly<Record<string, unknown>>;

export interface OpenState extends AsyncDisposable {
  readonly store: CheckpointStore;
  /** The stream's name, where it was given. */
  readonly name: string | undefined;
  /** The sink of the configuration stores positions; undefined where that cannot be told without loading it. */
  readonly sinkStores: boolean | undefined;
}

export async function openState(session: Session, values: Values): Promise<OpenState> {
  const { sinkStores, options: config } = await stateConfig(values);
  const problems = new Problems((path) => FLAG_OF[path] ?? path);
  const { state: _state, source: _source, name: _name, ...rest } = config;
  const fields = Fields.of(problems, '', config, { known: ['state', 'source', 'name', ...Object.keys(rest)] });
  const state = fields && readState(problems, fields);
  const name = fields?.has('name') ? readName(fields) : undefined;
  const source = fields && state?.kind === 'table' ? validateSource(problems, fields) : undefined;
  problems.throwIfAny('the options');
  if (state?.kind === 'store') {
    const { store } = state;
    return { store, name, sinkStores, [Symbol.asyncDispose]: () => store.close() };
  }
  if (!state || !source) throw new VStreamError('INTERNAL', 'no state was read');
  const { createTransport } = await import('../transport/grpc.js');
  const { vitessStore } = await import('../stores/vitess.js');
  const { addresses, tls, auth, callerId, maxMessageBytes } = source;
  const transport = createTransport({
    vtgate: addresses,
    maxMessageBytes,
    ...(tls ? { tls } : {}),
    ...(auth ? { auth } : {}),
    ...(callerId === undefined ? {} : { callerId }),
  });
  const store = vitessStore(transport, { keyspace: state.keyspace, table: state.table });
  session.logger.debug({ state: store.description }, 'reading the state');
  return {
    store,
    name,
    sinkStores,
    async [Symbol.asyncDispose]() {
      await store.close();
      await transport.close();
    },
  };
}

const FLAG_OF: Readonly<Record<string, string>> = {
  name: '--name',
  'source.vtgate': '--vtgate',
  state: '--state-keyspace and --state-table',
  'state.keyspace': '--state-keyspace',
  'state.table': '--state-table',
};

async function stateConfig(values: Values): Promise<Pick<OpenState, 'sinkStores'> & { readonly options: Record<string, unknown> }> {
  const file = findConfig(values['config'] as string | undefined, process.cwd());
  const base = file === undefined ? {} : await loadConfig(file).then(async ({ value, folder }) => ({ value, folder }));
  const { value = {}, folder = process.cwd() } = base as { value?: Record<string, unknown>; folder?: string };
  // Made, the sink might open a file that another process holds.
  const { sink, ...config } = value;
  const { stateKeyspace, stateTable, name } = values;
  const state = {
    ...(stateKeyspace === undefined ? {} : { keyspace: stateKeyspace }),
    ...(stateTable === undefined ? {} : { table: stateTable }),
  };
  const flags = {
    ...(await optionsOfFlags(values)),
    ...(Object.keys(state).length > 0 ? { state } : {}),
    ...(name === undefined ? {} : { name }),
  };
  if (file === undefined && Object.keys(state).length === 0) {
    throw new VStreamError('CONFIG_INVALID', 'nothing says where the state is: there is no configuration here', {
      next: 'Go to its folder, name it with --config, or give --vtgate, --state-keyspace and --state-table.',
    });
  }
  return { sinkStores: storesPositions(sink), options: await withParts(overlay(config, flags) as Record<string, unknown>, folder) };
}

function storesPositions(sink: unknown): boolean | undefined {
  if (typeof sink === 'function') return false;
  if (!isObject(sink)) return undefined;
  if (typeof sink['type'] === 'string') return sink['type'] === 'duckdb';
  const { capabilities } = sink;
  return isObject(capabilities) ? capabilities['position'] === 'stored' : undefined;
}

/** The record of the named stream. Without a name: of the only stream there is. */
export async function recordOf({ store, name }: OpenState, signal: AbortSignal): Promise<StateRecord> {
  if (name !== undefined) {
    const record = await store.read(name, undefined, { signal });
    if (record) return record;
    throw notFound(`there is no state of a stream ${shown(name)} in ${store.description}`, await namesIn(store, signal));
  }
  const all = await store.list({ signal });
  const [only] = all;
  if (only && all.length === 1) return only;
  if (!only) throw notFound(`there is no state in ${store.description}`, []);
  throw new VStreamError('CONFIG_INVALID', `${store.description} keeps ${all.length} streams`, {
    next: `Name one with --name: ${all.map((record) => record.name).join(', ')}.`,
  });
}

async function namesIn(store: CheckpointStore, signal: AbortSignal): Promise<readonly string[]> {
  return (await store.list({ signal })).map((record) => record.name);
}

function notFound(message: string, others: readonly string[]): VStreamError {
  const next =
    others.length > 0 ? `Known there: ${others.slice(0, 10).join(', ')}.` : 'Start the stream once, or check keyspace, table and address.';
  return new VStreamError('STATE_NOT_FOUND', message, { next });
}
