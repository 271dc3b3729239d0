/** Finds and loads a configuration file, and resolves its paths against its own folder. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VStreamError } from '../errors.js';
import { isPlainObject } from '../internal/fields.js';

export const CONFIG_NAMES: readonly string[] = ['ts', 'mts', 'mjs', 'js', 'json'].map((ending) => `vstream.config.${ending}`);

export interface LoadedConfig {
  /** Absolute path. */
  readonly file: string;
  /** Paths inside are relative to it. */
  readonly folder: string;
  readonly value: Record<string, unknown>;
}

/** The file asked for, or the first of `CONFIG_NAMES` in `folder`; undefined when there is none of these. */
export function findConfig(asked: string | undefined, folder: string): string | undefined {
  if (asked === undefined) {
    const name = CONFIG_NAMES.find((one) => existsSync(resolve(folder, one)));
    return name === undefined ? undefined : resolve(folder, name);
  }
  const file = resolve(folder, asked);
  if (existsSync(file)) return file;
  throw new VStreamError('CONFIG_INVALID', `there is no configuration file ${asked}`, { next: 'Check the path, or write that file.' });
}

/** @throws VStreamError `CONFIG_INVALID` naming the file and what is wrong with it; `DRIVER_MISSING` when TypeScript needs jiti. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const isJson = extname(file) === '.json';
  const exported = isJson ? await readJson(file) : (await importModule(file, 'configuration'))['default'];
  const made = typeof exported === 'function' ? await called(exported as () => unknown, `the function of ${file}`) : exported;
  if (typeof made !== 'object' || made === null || Array.isArray(made)) {
    const next = isJson
      ? 'Write an object: `{ "name": …, "source": …, "state": …, "sink": … }`.'
      : 'Write `export default defineConfig({ … })`.';
    throw new VStreamError('CONFIG_INVALID', `${file} ${isJson ? 'holds' : 'exports'} no configuration`, { next });
  }
  const folder = dirname(file);
  return { file, folder, value: withLetterPath(withSecretPaths(made as Record<string, unknown>, folder), folder) };
}

/** What a function of the user's returns; what it throws is the user's to mend. */
export async function called<T>(make: () => T | Promise<T>, what: string): Promise<T> {
  try {
    return await make();
  } catch (cause) {
    if (VStreamError.is(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VStreamError('CONFIG_INVALID', `${what} threw: ${reason}`, {
      next: 'Mend it and start again; --verbose shows where.',
      cause,
    });
  }
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const reason = (cause as { code?: string }).code ?? 'unreadable';
    throw new VStreamError('CONFIG_INVALID', `${file} cannot be read (${reason})`, { next: 'Name a file that this user may read.', cause });
  });
  try {
    // Some editors begin a file with a byte order mark.
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown;
  } catch (cause) {
    throw new VStreamError('CONFIG_INVALID', `${file} is not JSON: ${(cause as Error).message}`, {
      next: 'Mend it, or write it as vstream.config.mjs.',
      cause,
    });
  }
}

/** The exports of a module of the user's. */
export async function importModule(file: string, what: string): Promise<Readonly<Record<string, unknown>>> {
  return importAny(file).catch((cause: unknown) => {
    if (VStreamError.is(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VStreamError('CONFIG_INVALID', `cannot load the ${what} ${file}: ${reason}`, {
      next: isUnmarkedModule(file, cause)
        ? 'Rename it to .mjs, or set `"type": "module"` in package.json.'
        : 'Mend that file and start again.',
      cause,
    });
  });
}

/** A `.js` file with `import` or `export`, which Node before 22.7 reads as CommonJS where package.json does not say otherwise. */
function isUnmarkedModule(file: string, cause: unknown): boolean {
  return extname(file) === '.js' && cause instanceof SyntaxError && /outside a module|Unexpected token 'export'/.test(cause.message);
}

async function importAny(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    // Node strips types itself from 22.18 on; before that jiti reads them.
    if ((cause as { code?: string }).code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw cause;
    return importWithJiti(file, cause);
  }
}

async function importWithJiti(file: string, cause: unknown): Promise<Record<string, unknown>> {
  const jiti = await import('jiti').catch(() => undefined);
  if (!jiti) {
    throw new VStreamError('DRIVER_MISSING', `Node ${process.versions.node} cannot read TypeScript by itself: ${file}`, {
      next: 'Run `npm install jiti`, use Node 22.18 or later, or write the file as .mjs.',
      cause,
    });
  }
  return jiti.createJiti(import.meta.url, { fsCache: false }).import<Record<string, unknown>>(file);
}

/** A path of the configuration, relative to its folder. */
export function pathIn(folder: string, path: string): string {
  return isAbsolute(path) ? path : resolve(folder, path);
}

function withLetterPath(config: Record<string, unknown>, folder: string): Record<string, unknown> {
  const letter = config['deadLetter'];
  if (!isPlainObject(letter) || typeof letter['path'] !== 'string') return config;
  return { ...config, deadLetter: { ...letter, path: pathIn(folder, letter['path']) } };
}

/** `{ file: 'ca.pem' }` under `source` means a file beside the configuration, wherever the program was started. */
function withSecretPaths(config: Record<string, unknown>, folder: string): Record<string, unknown> {
  const source = config['source'];
  if (!isPlainObject(source)) return config;
  const located = (value: unknown, depth: number): unknown => {
    if (!isPlainObject(value) || depth === 0) return value;
    const { file } = value;
    if (typeof file === 'string' && Object.keys(value).length === 1) return { file: pathIn(folder, file) };
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, located(inner, depth - 1)]));
  };
  return { ...config, source: { ...source, tls: located(source['tls'], 2), auth: located(source['auth'], 3) } };
}
