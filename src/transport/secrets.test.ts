import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveText } from './secrets.js';

test('a value is given as it is, from the environment, or from a file without surrounding white space', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vstream-secret-'));
  try {
    const file = join(directory, 'password');
    await writeFile(file, '  s3cret \n');
    expect(await resolveText(' as it is ', 'x')).toBe(' as it is ');
    expect(await resolveText({ env: 'PW' }, 'x', { PW: ' kept ' })).toBe(' kept ');
    expect(await resolveText({ file }, 'x')).toBe('s3cret');
    await writeFile(file, '\n');
    await expect(resolveText({ file }, 'auth.password')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('is empty'),
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('what is missing is told by option, variable and file', async () => {
  await expect(resolveText({ env: 'PW' }, 'auth.password', { PW: '' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'the environment variable PW for auth.password is not set',
  });
  await expect(resolveText({ file: '/not/there' }, 'tls.key')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'the file /not/there for tls.key cannot be read: ENOENT',
  });
});
