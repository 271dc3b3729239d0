/** Reads values that may live in the environment or in a file. Layer 2. */
import { readFile } from 'node:fs/promises';
import { VStreamError } from '../errors.js';
import type { Text } from './options.js';

/**
 * The value of `text`; a file's content without surrounding white space. Read anew at each call, so that rotated secrets are
 * picked up at the next connection or RPC.
 * @param what the option, for the message: `auth.password`
 * @throws VStreamError `CONFIG_INVALID`, naming option, variable or file: never a value.
 */
export async function resolveText(text: Text, what: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  if (typeof text === 'string') return text;
  if ('env' in text) {
    const value = env[text.env];
    if (value === undefined || value === '') {
      throw new VStreamError('CONFIG_INVALID', `the environment variable ${text.env} for ${what} is not set`, {
        next: `Set ${text.env}, or give ${what} another way.`,
      });
    }
    return value;
  }
  let content: string;
  try {
    content = (await readFile(text.file, 'utf8')).trim();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'it cannot be read';
    throw new VStreamError('CONFIG_INVALID', `the file ${text.file} for ${what} cannot be read: ${reason}`, {
      next: 'Check the path and its permissions.',
      cause: error,
    });
  }
  if (content === '') {
    throw new VStreamError('CONFIG_INVALID', `the file ${text.file} for ${what} is empty`, { next: 'Write the value into it.' });
  }
  return content;
}
