/** Flags are the options under the same names; this file is the one table of both. Pure but for `@file`. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Option, type Command } from 'commander';
import { VStreamError } from '../errors.js';
import { isPlainObject } from '../internal/fields.js';
import type { Label } from '../internal/problems.js';

interface Flag {
  /** As commander reads it: `--vtgate <host:port>`. */
  readonly flags: string;
  /** Where the value goes in the options. */
  readonly path: string;
  readonly help: string;
  readonly kind: 'text' | 'list' | 'number' | 'true' | 'file' | 'env' | 'position';
  readonly group: 'Run' | 'Source' | 'Stream' | 'Limits';
}

const flag = (group: Flag['group'], kind: Flag['kind'], flags: string, path: string, help: string): Flag => ({
  group,
  kind,
  flags,
  path,
  help,
});

export const FLAGS: readonly Flag[] = [
  flag('Run', 'text', '--name <name>', 'name', 'name of the stream: its state hangs on it'),
  flag('Run', 'text', '--on-purged <how>', 'onPurged', 'fail (default) or recopy, when the stored position is gone from the servers'),
  flag(
    'Run',
    'text',
    '--on-bad-row <how>',
    'onBadRow',
    'fail (default), skip or dead-letter, for rows that cannot be decoded or that the sink refuses',
  ),
  flag('Run', 'text', '--dead-letter <file>', 'deadLetter.path', 'file for --on-bad-row dead-letter'),
  flag('Run', 'text', '--dead-letter-keyspace <name>', 'deadLetter.keyspace', 'unsharded keyspace of a table for it instead'),
  flag('Run', 'text', '--dead-letter-table <name>', 'deadLetter.table', 'that table, created on demand'),
  flag(
    'Run',
    'text',
    '--on-undecodable <how>',
    'onUndecodable',
    'fail (default) or skip-and-recopy, for transactions the server cannot decode',
  ),
  flag('Run', 'text', '--lease <time>', 'lease', 'how long a dead owner keeps others waiting (default: 30s)'),
  flag('Run', 'text', '--checkpoint-interval <time>', 'checkpointInterval', 'pace of stored positions (default: 1s)'),
  flag('Run', 'text', '--sink-retry <time>', 'sinkRetry', 'how long a batch is tried again that the sink refused (default: 30s)'),
  flag('Run', 'text', '--drain-timeout <time>', 'drainTimeout', 'how long a stop may take (default: 30s)'),
  flag('Source', 'list', '--vtgate <host:port>', 'source.vtgate', 'gRPC address of a VTGate; repeat it for several'),
  flag('Source', 'text', '--keyspace <name>', 'source.keyspace', 'keyspace of tables written without one'),
  flag('Source', 'list', '--shards <names>', 'source.shards', 'only these shards, such as -80,80-'),
  flag('Source', 'true', '--tls', 'source.tls', 'TLS with the authorities of the system'),
  flag('Source', 'file', '--tls-ca <file>', 'source.tls.ca', 'TLS with these authorities (PEM)'),
  flag('Source', 'file', '--tls-cert <file>', 'source.tls.cert', 'client certificate (PEM)'),
  flag('Source', 'file', '--tls-key <file>', 'source.tls.key', 'key of the client certificate (PEM)'),
  flag('Source', 'text', '--tls-server-name <name>', 'source.tls.serverName', 'name the certificate must carry, if not the host'),
  flag('Source', 'true', '--tls-insecure-skip-verify', 'source.tls.insecureSkipVerify', 'accept any certificate (tests only)'),
  flag('Source', 'text', '--username <name>', 'source.auth.username', 'user of static authentication'),
  flag('Source', 'env', '--username-env <variable>', 'source.auth.username', 'environment variable that holds the user'),
  flag('Source', 'env', '--password-env <variable>', 'source.auth.password', 'environment variable that holds the password'),
  flag('Source', 'file', '--password-file <file>', 'source.auth.password', 'file that holds the password'),
  flag('Source', 'text', '--caller-id <name>', 'source.callerId', 'effective caller as VTGate shows it'),
  flag('Source', 'text', '--tablet-type <type>', 'source.tabletType', 'primary, replica or rdonly (default: replica where one serves)'),
  flag('Source', 'list', '--cells <names>', 'source.cells', 'cells to take tablets from'),
  flag('Source', 'text', '--cell-preference <how>', 'source.flags.cellPreference', 'preferlocalwithalias or onlyspecified'),
  flag('Source', 'text', '--tablet-order <how>', 'source.flags.tabletOrder', 'any or inorder'),
  flag('Source', 'text', '--heartbeat-interval <time>', 'source.flags.heartbeatInterval', 'heartbeats of VTGate (default: 5s)'),
  flag('Source', 'text', '--max-stream-age <time>', 'source.flags.maxStreamAge', 'the server ends the RPC after this age'),
  flag('Source', 'true', '--minimize-skew', 'source.flags.minimizeSkew', 'hold back shards that are ahead'),
  flag('Source', 'number', '--max-message-bytes <n>', 'source.maxMessageBytes', 'largest message accepted (default: 64 MiB)'),
  flag('Source', 'text', '--socket <where>', 'source.socket', 'main (default) or thread, which survives code that blocks the event loop'),
  flag('Stream', 'list', '--tables <names>', 'tables', 'names or patterns, such as orders,billing.* (default: all)'),
  flag('Stream', 'position', '--from <where>', 'from', 'beginning (default: copy, then stream), current, or a position as JSON or @file'),
  flag('Stream', 'position', '--until <when>', 'until', 'copied, now, a time such as 30s, or a position as JSON or @file (default: never)'),
  flag('Stream', 'text', '--for <time>', 'until', 'the same as --until with a time'),
  flag('Stream', 'text', '--images <which>', 'images', 'full (default) or partial row images'),
  flag(
    'Stream',
    'text',
    '--zero-dates <what>',
    'zeroDates',
    'dates no calendar has, where they are converted: fail (default), null or string',
  ),
  flag('Stream', 'text', '--invalid-text <what>', 'invalidText', 'bytes not valid in their character set: fail (default) or replace'),
  flag('Stream', 'text', '--huge-transaction <how>', 'hugeTransaction', 'fail (default) or split'),
  flag(
    'Limits',
    'number',
    '--batch-bytes <n>',
    'limits.batchBytes',
    'bytes of a batch (default: 512 KiB, or 4 MiB for sinks that take cells)',
  ),
  flag(
    'Limits',
    'number',
    '--batch-changes <n>',
    'limits.batchChanges',
    'changes of a batch (default: 2000, or 20000 for sinks that take cells)',
  ),
  flag(
    'Limits',
    'number',
    '--transaction-bytes <n>',
    'limits.transactionBytes',
    'bytes of a transaction (default: 64 MiB, or 512 KiB where it may be split)',
  ),
];

const longName = (flags: string): string => flags.split(' ')[0] as string;
const attribute = (flags: string): string => new Option(flags).attributeName();

/** Names options by their flags: the messages of a command line speak of `--vtgate`, not of `source.vtgate`. */
export function flagLabel(values: Readonly<Record<string, unknown>>): Label {
  const given = givenFlagLabel(values);
  return (path) => {
    const label = given(path);
    const named = label === path ? FLAGS.find((one) => one.path === path) : undefined;
    return named ? longName(named.flags) : label;
  };
}

/** The same for flags that were given; beside a configuration file the other options keep the names they have there. */
export function givenFlagLabel(values: Readonly<Record<string, unknown>>): Label {
  return (path) => {
    const given = FLAGS.find((one) => one.path === path && values[attribute(one.flags)] !== undefined);
    return given ? longName(given.flags) : path;
  };
}

export function addFlags(command: Command, ...groups: readonly Flag['group'][]): Command {
  for (const one of FLAGS) if (groups.includes(one.group)) command.addOption(optionOf(one));
  return command;
}

/** A single flag of a group the command does not take as a whole. */
export function addFlag(command: Command, path: string): Command {
  for (const one of FLAGS) if (one.path === path) command.addOption(optionOf(one));
  return command;
}

function optionOf({ flags, help, kind, group }: Flag): Option {
  const option = new Option(flags, help).helpGroup(`${group}:`);
  if (kind === 'list') option.argParser(collect);
  return option;
}

/** Both `--tables a,b` and `--tables a --tables b`. */
function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), ...value.split(',').map((one) => one.trim())];
}

/**
 * The options the given flags stand for: only what was given, nothing checked but what only flags can get wrong.
 * @throws VStreamError `CONFIG_INVALID` for two flags of one option, and for an unreadable `@file`.
 */
export async function optionsOfFlags(values: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  const setBy = new Map<string, string>();
  for (const { flags, path, kind } of FLAGS) {
    const given = values[attribute(flags)];
    if (given === undefined) continue;
    const name = longName(flags);
    const other = setBy.get(path);
    if (other !== undefined)
      throw new VStreamError('CONFIG_INVALID', `${other} and ${name} say the same thing`, { next: 'Give one of them.' });
    setBy.set(path, name);
    place(options, path.split('.'), await valueOf(kind, given, name));
  }
  return options;
}

async function valueOf(kind: Flag['kind'], given: unknown, name: string): Promise<unknown> {
  switch (kind) {
    case 'number': {
      // What is no number stays text, for the validation to name.
      const value = Number(given);
      return given === '' || Number.isNaN(value) ? given : value;
    }
    case 'file':
      return { file: given };
    case 'env':
      return { env: given };
    case 'position':
      return typeof given === 'string' && given.startsWith('@') ? readAt(given.slice(1), name) : given;
    default:
      return given;
  }
}

/** The text behind `@file`; `@-` is standard input. */
export async function readAt(path: string, name: string): Promise<string> {
  try {
    return (path === '-' ? await text(process.stdin) : await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const reason = (cause as { code?: string }).code ?? 'unreadable';
    throw new VStreamError('CONFIG_INVALID', `${name} cannot be read from ${path} (${reason})`, {
      next: 'Check the path after the @.',
      cause,
    });
  }
}

function place(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  const there = target[head];
  if (rest.length === 0) {
    // `--tls --tls-ca x`: the details say more than the switch.
    if (!(value === true && typeof there === 'object')) target[head] = value;
    return;
  }
  const inner = typeof there === 'object' && there !== null ? (there as Record<string, unknown>) : {};
  target[head] = inner;
  place(inner, rest, value);
}

/** Lays what the flags say over a configuration: flags win, objects are merged, lists replaced. */
export function overlay(base: unknown, over: unknown): unknown {
  if (!isPlainObject(base) || !isPlainObject(over)) return over === undefined ? base : over;
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) merged[name] = overlay(base[name], value);
  return merged;
}
