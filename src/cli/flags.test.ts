import { Command } from 'commander';
import { expect, test } from 'vitest';
import { validateRunOptions } from '../pipeline/validate.js';
import { validateStreamOptions } from '../stream/validate.js';
import { addFlags, flagLabel, optionsOfFlags, overlay, FLAGS } from './flags.js';

const parse = (...argv: string[]): Record<string, unknown> =>
  addFlags(new Command(), 'Run', 'Source', 'Stream', 'Limits').exitOverride().parse(argv, { from: 'user' }).opts();

test('flags become the options of the same names, and nothing that was not given', async () => {
  const values = parse(
    '--vtgate',
    'a:1',
    '--vtgate',
    'b:2',
    '--keyspace',
    'k',
    '--tables',
    'x,y',
    '--tables',
    'z',
    '--for',
    '30s',
    '--tablet-type',
    'replica',
    '--tls',
    '--tls-ca',
    'ca.pem',
    '--username',
    'u',
    '--password-env',
    'PW',
    '--batch-changes',
    '10',
    '--heartbeat-interval',
    '2s',
  );
  const options = await optionsOfFlags(values);
  expect(options).toEqual({
    source: {
      vtgate: ['a:1', 'b:2'],
      keyspace: 'k',
      tabletType: 'replica',
      tls: { ca: { file: 'ca.pem' } },
      auth: { username: 'u', password: { env: 'PW' } },
      flags: { heartbeatInterval: '2s' },
    },
    tables: ['x', 'y', 'z'],
    until: '30s',
    limits: { batchChanges: 10 },
  });
  expect(validateStreamOptions(options).until).toEqual({ kind: 'duration', ms: 30_000 });
});

test('every flag leads to an option the validation knows', () => {
  for (const { path, kind, flags } of FLAGS) {
    const options: Record<string, unknown> = {};
    const names = path.split('.');
    let inner = options;
    for (const name of names.slice(0, -1)) inner = inner[name] = {} as Record<string, unknown>;
    inner[names.at(-1) as string] = kind === 'number' ? 70_000 : 'x';
    let message = '';
    try {
      validateRunOptions(options);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message, flags).not.toContain('is not an option');
  }
});

test('a problem is told by the flag that was given', async () => {
  const complain = async (...argv: string[]): Promise<string> => {
    const values = parse('--vtgate', 'a:1', ...argv);
    const options = await optionsOfFlags(values);
    try {
      validateStreamOptions(options, { label: flagLabel(values) });
      return '';
    } catch (error) {
      return `${(error as Error).message} ${(error as { next: string }).next}`;
    }
  };
  expect(await complain()).toBe('--keyspace is missing Name the keyspace to stream.');
  expect(await complain('--keyspace', 'k', '--for', 'ever')).toContain('--for cannot be "ever"');
  expect(await complain('--tables', 'k.t', '--shards', '0')).toContain('--shards needs `--keyspace`');
  expect(await complain('--keyspace', 'k', '--batch-bytes', 'lots')).toContain(
    '--batch-bytes must be a whole number of at least 1, not "lots"',
  );
});

test('two flags that say the same thing are refused', async () => {
  await expect(optionsOfFlags(parse('--until', 'copied', '--for', '3s'))).rejects.toThrow('--until and --for say the same thing');
  await expect(optionsOfFlags(parse('--password-env', 'A', '--password-file', 'b'))).rejects.toThrow('--password-env and --password-file');
});

test('an unreadable @file is named', async () => {
  await expect(optionsOfFlags(parse('--from', '@/nowhere/position.json'))).rejects.toThrow(
    '--from cannot be read from /nowhere/position.json (ENOENT)',
  );
});

test('flags lie over a configuration: objects merge, lists are replaced, objects with behaviour stay whole', () => {
  const state = new Map();
  expect(
    overlay({ source: { vtgate: 'a:1', keyspace: 'k' }, tables: ['x', 'y'], state }, { source: { vtgate: ['b:1'] }, tables: ['z'] }),
  ).toEqual({
    source: { vtgate: ['b:1'], keyspace: 'k' },
    tables: ['z'],
    state,
  });
});
