import { expect, test } from 'vitest';
import { resolveAuth, resolveText, resolveTls, type SecretSources } from './secrets.js';

const files: Record<string, string> = { '/pw': ' s3cret\n', '/empty': '\n', '/ca': '-----BEGIN CERTIFICATE-----\nx' };
const sources: SecretSources = {
  env: { SET: 'value', EMPTY: '' },
  async readFile(path) {
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return content;
  },
};

test('a secret is the text itself, a variable, or a file without the whitespace around it', async () => {
  expect(await resolveText('literal', 'o', sources)).toBe('literal');
  expect(await resolveText({ env: 'SET' }, 'o', sources)).toBe('value');
  expect(await resolveText({ file: '/pw' }, 'o', sources)).toBe('s3cret');
});

test.each([
  [{ env: 'UNSET' }, 'source.x: environment variable UNSET is not set'],
  [{ env: 'EMPTY' }, 'source.x: environment variable EMPTY is empty'],
  [{ file: '/gone' }, 'source.x: cannot read /gone (ENOENT)'],
  [{ file: '/empty' }, 'source.x: /empty is empty'],
])('%o is refused by name', async (text, message) => {
  await expect(resolveText(text, 'source.x', sources)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message });
});

test('a literal that is no PEM is taken for a path written by mistake', async () => {
  await expect(resolveTls({ ca: './ca.pem' }, sources)).rejects.toMatchObject({
    message: 'source.tls.ca is not in PEM form',
    next: "Write { file: 'path/to/ca.pem' } for a file.",
  });
  expect(await resolveTls({ ca: { file: '/ca' } }, sources)).toMatchObject({ ca: files['/ca'], cert: undefined, insecureSkipVerify: false });
});

test('metadata functions are called for every RPC', async () => {
  let calls = 0;
  const auth = { metadata: () => ({ token: String(++calls) }) };
  expect(await resolveAuth(auth, sources)).toEqual({ token: '1' });
  expect(await resolveAuth(auth, sources)).toEqual({ token: '2' });
  expect(await resolveAuth({ username: 'u', password: { file: '/pw' } }, sources)).toEqual({ username: 'u', password: 's3cret' });
});
