/** Sinks and state stores written as data become objects. */
import { VStreamError } from '../errors.js';
import { Fields, isObject } from '../internal/fields.js';
import { alternatives, Problems, shown } from '../internal/problems.js';
import { called, importModule, pathIn } from './config.js';

type Options = Record<string, unknown>;
type Makers = Readonly<Record<string, (options: Options) => Promise<unknown>>>;

/** Each is loaded when it is asked for, and checks its own options. */
const SINKS: Makers = {
  duckdb: async (options) => (await import('../sinks/duckdb/index.js')).duckdb(options as never),
  jsonl: async ({ path, ...options }) => {
    const { jsonl } = await import('../sinks/jsonl/index.js');
    return jsonl({ ...options, ...(path === undefined || path === '-' ? { stream: process.stdout } : { path }) } as never);
  },
};

const STATES: Makers = {
  file: async (options) => (await import('../stores/file.js')).fileStore({ path: checked(options, ['path']).path }),
  memory: async (options) => {
    checked(options, []);
    return (await import('../stores/memory.js')).memoryStore();
  },
};

/** The stores take what the compiler checks; data has no compiler. */
function checked<K extends string>(options: Options, needed: readonly K[]): Readonly<Record<K, string>> {
  const problems = new Problems();
  const fields = Fields.of(problems, 'state', options, { known: needed });
  for (const name of needed) if (fields?.require(name, 'Name a folder.')) fields.text(name);
  problems.throwIfAny('the configuration');
  return options as Record<K, string>;
}

export interface Parts {
  /** The configuration with `sink` and `state` as objects; what is no data is as it was, for the validation. */
  readonly options: Options;
  /** One for each part that is wrong, which `options` has a valid stand-in for. */
  readonly failures: readonly VStreamError[];
}

/** `CONFIG_INVALID` naming what is wrong in the data; `DRIVER_MISSING` when a driver is not installed. */
export async function partsOf(config: Options, folder: string): Promise<Parts> {
  const failures: VStreamError[] = [];
  const made = async (name: 'sink' | 'state', makers: Makers, standIn: unknown): Promise<Options> => {
    if (!(name in config)) return {};
    try {
      return { [name]: await partOf(name, config[name], folder, makers) };
    } catch (error) {
      if (!VStreamError.is(error)) throw error;
      failures.push(error);
      return { [name]: standIn };
    }
  };
  const sink = await made('sink', SINKS, async () => {});
  const state = await made('state', STATES, { keyspace: 'none', table: 'none' });
  return { options: { ...config, ...sink, ...state }, failures };
}

/** The same for who looks at nothing else. @throws VStreamError the first failure */
export async function withParts(config: Options, folder: string): Promise<Options> {
  const { options, failures } = await partsOf(config, folder);
  const [first] = failures;
  if (first) throw first;
  return options;
}

async function partOf(name: string, value: unknown, folder: string, makers: Makers): Promise<unknown> {
  if (!isObject(value)) return value;
  if ('module' in value) return fromModule(name, value, folder);
  // A store or a sink of the user's may have a `type` of its own.
  if (!('type' in value) || Object.values(value).some((one) => typeof one === 'function')) return value;
  const { type, ...options } = value;
  const make = typeof type === 'string' && Object.hasOwn(makers, type) ? makers[type] : undefined;
  if (!make) {
    throw new VStreamError('CONFIG_INVALID', `${name}.type is not known: ${shown(type)}`, {
      next: `Write ${alternatives(Object.keys(makers))}, or \`module\` with the path of your own.`,
    });
  }
  const { path } = options;
  if (typeof path === 'string' && path !== '-' && !path.startsWith(':')) options['path'] = pathIn(folder, path);
  return make(options);
}

async function fromModule(name: string, value: Options, folder: string): Promise<unknown> {
  const problems = new Problems();
  const fields = Fields.of(problems, name, value, { known: ['module', 'export', 'options'] });
  const module = fields?.text('module') ?? '';
  const wanted = fields?.text('export') ?? 'default';
  problems.throwIfAny('the configuration');
  const exports = await importModule(pathIn(folder, module), name);
  const chosen = exports[wanted];
  if (chosen === undefined) {
    const others = Object.keys(exports).filter((one) => one !== 'default');
    const next = others.length > 0 ? `Set \`${name}.export\` to ${alternatives(others)}.` : `Export a ${name} from it.`;
    throw new VStreamError('CONFIG_INVALID', `${module} has no export \`${wanted}\``, { next });
  }
  if (!('options' in value)) return chosen;
  if (typeof chosen !== 'function') {
    throw new VStreamError('CONFIG_INVALID', `${name}.options needs a function, but ${module} exports ${shown(chosen)}`, {
      next: `Export a function of the options that returns the ${name}, or remove \`options\`.`,
    });
  }
  return called(() => (chosen as (options: unknown) => unknown)(value['options']), `${module}, called for the ${name},`);
}
