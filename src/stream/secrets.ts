/** Secrets are read when a connection needs them, never before, and never shown. Layer 3. */
import { readFile } from 'node:fs/promises';
import { VStreamError } from '../errors.js';
import type { Auth, Text, TlsOptions } from './options.js';

/** Where secrets come from; a parameter for tests. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => Promise<string>;
}

const systemSources: SecretSources = { env: process.env, readFile: (path) => readFile(path, 'utf8') };

/**
 * The value of a secret: the text itself, a variable of the environment, or the content of a file without the whitespace around it.
 * @throws VStreamError `CONFIG_INVALID` naming the option and the variable or file, never the value.
 */
export async function resolveText(text: Text, option: string, sources: SecretSources = systemSources): Promise<string> {
  if (typeof text === 'string') return text;
  if ('env' in text) {
    const value = sources.env[text.env];
    if (value !== undefined && value !== '') return value;
    const what = value === undefined ? 'is not set' : 'is empty';
    throw new VStreamError('CONFIG_INVALID', `${option}: environment variable ${text.env} ${what}`, { next: `Set ${text.env} and start again.` });
  }
  return fromFile(text.file, option, sources);
}

async function fromFile(path: string, option: string, sources: SecretSources): Promise<string> {
  let value: string;
  try {
    value = await sources.readFile(path);
  } catch (cause) {
    const reason = (cause as { code?: unknown }).code ?? 'unreadable';
    throw new VStreamError('CONFIG_INVALID', `${option}: cannot read ${path} (${String(reason)})`, {
      next: 'Check the path and the right to read it.',
      cause,
    });
  }
  const trimmed = value.trim();
  if (trimmed !== '') return trimmed;
  throw new VStreamError('CONFIG_INVALID', `${option}: ${path} is empty`, { next: 'Write the value into the file.' });
}

export interface ResolvedTls {
  /** PEM. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
  readonly insecureSkipVerify: boolean;
}

/** PEM literals are taken as they are; a literal that is no PEM is a path written by mistake. */
export async function resolveTls(tls: TlsOptions, sources: SecretSources = systemSources): Promise<ResolvedTls> {
  const pem = async (name: 'ca' | 'cert' | 'key'): Promise<string | undefined> => {
    const text = tls[name];
    if (text === undefined) return undefined;
    const value = await resolveText(text, `source.tls.${name}`, sources);
    if (value.includes('-----BEGIN ')) return value;
    const next = typeof text === 'string' ? `Write { file: 'path/to/${name}.pem' } for a file.` : 'Give a file in PEM form.';
    throw new VStreamError('CONFIG_INVALID', `source.tls.${name} is not in PEM form`, { next });
  };
  return {
    ca: await pem('ca'),
    cert: await pem('cert'),
    key: await pem('key'),
    serverName: tls.serverName,
    insecureSkipVerify: tls.insecureSkipVerify ?? false,
  };
}

/** The metadata of one RPC. A function of the user is called for each; files and variables are read for each, so they can rotate. */
export async function resolveAuth(auth: Auth, sources: SecretSources = systemSources): Promise<Record<string, string>> {
  if ('metadata' in auth) {
    if (typeof auth.metadata === 'function') return auth.metadata();
    const resolved: Record<string, string> = {};
    for (const [name, text] of Object.entries(auth.metadata)) resolved[name] = await resolveText(text, `source.auth.metadata.${name}`, sources);
    return resolved;
  }
  return {
    username: await resolveText(auth.username, 'source.auth.username', sources),
    password: await resolveText(auth.password, 'source.auth.password', sources),
  };
}
