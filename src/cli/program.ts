/** The commands and their flags. Each command's code is loaded when it runs. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { VStreamError } from '../errors.js';
import { EXIT } from './exit.js';
import { addFlag, addFlags } from './flags.js';
import { inSession, type Session, type SessionOptions } from './session.js';

type Values = Readonly<Record<string, unknown>>;

/** Runs the program on the arguments after `node main.js`; ends the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = buildProgram();
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return;
    if (thrown instanceof CommanderError && thrown.code === 'commander.help') {
      // A command group without a command.
      process.exitCode = EXIT.usage;
      return;
    }
    // The parser's own complaints become ours: one form, and JSON where JSON was asked for.
    const error = thrown instanceof CommanderError ? usageError(thrown, argv) : thrown;
    await inSession({ json: argv.includes('--json') }, () => Promise.reject(error));
  }
}

function usageError(error: CommanderError, argv: readonly string[]): VStreamError {
  const [first = '', hint] = error.message.replace(/^error: /, '').split('\n');
  const command = argv.find((word) => !word.startsWith('-'));
  const known = command !== undefined && COMMANDS.includes(command) ? ` ${command}` : '';
  const meant = hint === undefined ? undefined : /Did you mean (.+)\?/.exec(hint)?.[1];
  const otherwise = meant === undefined ? `Run \`vstream${known} --help\`.` : `Did you mean \`${meant}\`?`;
  const next = /'--password'/.test(first) ? 'Give it by --password-env or --password-file: other users see command lines.' : otherwise;
  return new VStreamError('CONFIG_INVALID', first.replace(/^missing required argument/, 'missing argument'), { next });
}

const COMMANDS: readonly string[] = ['demo', 'tail', 'run', 'types', 'status', 'state', 'copy', 'pause', 'resume', 'dead-letter'];

export function buildProgram(): Command {
  const program = new Command('vstream')
    .description('Change data capture for Vitess: a consistent copy, then every change, as exact typed values.')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a check found something, 130 second Ctrl-C.')
    .addHelpText('after', 'Everyday tasks are in docs/operations.md of the package, errors by their code in docs/failure.md.')
    .addHelpText('after', 'Start with `vstream demo`: it needs no Vitess.');
  program.addCommand(demo()).addCommand(tail()).addCommand(run()).addCommand(types());
  program.addCommand(status()).addCommand(state()).addCommand(deadLetter());
  for (const command of requests()) program.addCommand(command);
  for (const command of everyCommand(program)) command.exitOverride().configureOutput({ outputError: () => {} });
  return program;
}

function* everyCommand(command: Command): Generator<Command> {
  yield command;
  for (const inner of command.commands) yield* everyCommand(inner);
}

/** Flags of every command, and the session around its action. */
function action(command: Command, act: (session: Session, values: Values, args: readonly string[]) => Promise<number>): Command {
  return command
    .option('--json', 'last line on stdout as JSON, also for a failure')
    .option('-v, --verbose', 'log more to stderr')
    .option('-q, --quiet', 'log errors only')
    .action(async (...all: unknown[]) => {
      const self = all.at(-1) as Command;
      const values = self.optsWithGlobals<Values & SessionOptions>();
      await inSession(values, (session) => act(session, values, self.args));
    });
}

function demo(): Command {
  const command = new Command('demo')
    .description('stream a small shop from an embedded VTGate into a DuckDB file; needs nothing else')
    .option('--for <time>', 'how long, such as 10s, or forever', '20s')
    .option('--path <file>', 'a new file to write (default: ./vstream-demo.duckdb, made anew)');
  return action(command, async (session, values) => (await import('./demo.js')).demo(session, values));
}

function tail(): Command {
  const command = addFlags(new Command('tail').description('print rows and changes as they come'), 'Source', 'Stream', 'Limits')
    .addOption(new Option('--format <how>', 'pretty or jsonl (default: pretty on a terminal)').choices(['pretty', 'jsonl']))
    .addHelpText('after', '\nExample: vstream tail --vtgate localhost:15991 --keyspace commerce --tables orders --from current');
  return action(command, async (session, values) => (await import('./tail.js')).tail(session, values));
}

function run(): Command {
  const command = new Command('run')
    .argument('[config]', 'configuration file (default: vstream.config.{ts,mts,mjs,js,json})')
    .description('stream into the destination of a configuration file; flags win over the file')
    .option('--no-wait', 'fail when another process owns the stream (default: wait as hot standby)');
  return action(addFlags(command, 'Run', 'Source', 'Stream', 'Limits'), async (session, values, args) =>
    (await import('./run.js')).runCommand(session, values, args[0]),
  );
}

function types(): Command {
  const command = new Command('types')
    .argument(
      '[config]',
      'configuration whose tables and overrides count (default: vstream.config.{ts,mts,mjs,js,json}, when there is one)',
    )
    .description('write an interface and a table() for each table of the live schema')
    .option('-o, --out <file>', 'file to write (default: stdout)')
    .option('--check', 'write nothing; end with 3 and say what differs when the file is out of date')
    .option('--no-config', 'do not look for a configuration');
  return action(addFlag(addFlags(command, 'Source'), 'tables'), async (session, values, args) =>
    (await import('./types.js')).types(session, values, args[0]),
  ).addHelpText('after', '\nExample: vstream types --vtgate localhost:15991 --keyspace commerce --out src/tables.ts');
}

/** Flags of the commands that look at a stream's state. */
function stateful(command: Command): Command {
  return addFlags(command, 'Source')
    .option('-c, --config <file>', 'configuration file (default: vstream.config.{ts,mts,mjs,js,json}, when there is one)')
    .option('--name <name>', 'name of the stream (default: the one of the configuration, or the only one)')
    .option('--state-keyspace <name>', 'keyspace of the state table')
    .option('--state-table <name>', 'state table');
}

const NAME = ['[name]', 'name of the stream (default: as --name)'] as const;

/** The name may stand behind the command or its flag. */
function named(values: Values, name: string | undefined): Values {
  const { name: other = name } = values;
  if (name !== undefined && other !== name) {
    throw new VStreamError('CONFIG_INVALID', `two streams are named: ${name} and --name ${String(other)}`, { next: 'Name one.' });
  }
  return { ...values, ...(other === undefined ? {} : { name: other }) };
}

function status(): Command {
  const command = stateful(new Command('status').argument(...NAME).description('show the state of one stream, or of all'));
  return action(command, async (session, values, [name]) => (await import('./status.js')).status(session, named(values, name)));
}

function state(): Command {
  const group = new Command('state').description('read or change the stored position of a stream');
  const position = (help: string): Command => new Command().argument('<position>', help);
  const verbs = {
    get: new Command().argument(...NAME).description('print the stored position'),
    set: position('a position as JSON, or @file').description('store a position'),
    reset: new Command().argument(...NAME).description('forget the position: the next start copies again'),
    import: position('JSON or @file: a raw VGTID, latest_vgtid of the Go client, vitess.vgtid of Debezium').description(
      'store the position of another client',
    ),
  };
  for (const [verb, command] of Object.entries(verbs)) {
    stateful(command.name(verb));
    const takesPosition = verb === 'set' || verb === 'import';
    if (verb !== 'get') command.option('-y, --yes', 'do not ask');
    action(command, async (session, values, [first]) => {
      const { state } = await import('./state.js');
      return takesPosition ? state(session, verb, values, first) : state(session, verb, named(values, first), undefined);
    });
    group.addCommand(command);
  }
  return group;
}

function deadLetter(): Command {
  const group = new Command('dead-letter').description('rows that were left out by --on-bad-row dead-letter');
  const file = ['[file]', 'the dead letter file (default: what `deadLetter` of the configuration names, a file or a table)'] as const;
  const verb = (name: string): Command => {
    const command = new Command(name).option('-c, --config <file>', 'configuration file (default: vstream.config.{ts,mts,mjs,js,json})');
    for (const path of ['deadLetter.path', 'deadLetter.keyspace', 'deadLetter.table']) addFlag(command, path);
    return addFlags(command, 'Source');
  };
  const name = ['--name <name>', 'only letters of this stream'] as const;
  const list = verb('list')
    .argument(...file)
    .option('--all', 'also those that are done')
    .option(...name)
    .description('show which rows were left out, and why');
  const show = verb('show')
    .argument('<id>', 'as `list` prints it, or its beginning')
    .argument(...file)
    .description('show one letter with its row as the server sent it');
  const replay = verb('replay')
    .argument(...file)
    .argument('[config]', 'configuration file of the stream, as --config')
    .option(
      '--complete',
      'count tables of which no letter is left as complete: nothing later touched these rows, or the destination appends',
    )
    .description('decode the rows as the configuration says now, and apply them to its sink; the stream must be stopped');
  const remove = verb('remove')
    .argument('[ids...]', 'as `list` prints them, or their beginnings')
    .option('--done', 'all that need no replay any more')
    .option(...name)
    .option('-y, --yes', 'do not ask')
    .description('remove letters; their rows are lost then');
  const code = () => import('./dead-letter.js');
  action(list, async (session, values, [path]) => (await code()).listLetters(session, values, path));
  action(show, async (session, values, [id = '', path]) => (await code()).showLetter(session, values, id, path));
  action(replay, async (session, values, words) => (await code()).replay(session, values, words));
  action(remove, async (session, values, ids) => (await code()).removeLetters(session, values, ids));
  return group.addCommand(list).addCommand(show).addCommand(replay).addCommand(remove);
}

function requests(): readonly Command[] {
  const copy = new Command('copy')
    .argument('<table>', 'table to copy again')
    .option('--where <conditions>', "only this range of its primary key, such as 'id >= 100 and id < 200'")
    .description('ask the running stream to copy a table, or a range of it, once more');
  const pause = new Command('pause').argument(...NAME).description('ask the running stream to pause');
  const resume = new Command('resume').argument(...NAME).description('ask the paused stream to go on');
  return [copy, pause, resume].map((command) => {
    const verb = command.name() as 'copy' | 'pause' | 'resume';
    stateful(command).option('--no-wait', 'do not wait for the outcome');
    return action(command, async (session, values, [first]) => {
      const { request } = await import('./request.js');
      return verb === 'copy' ? request(session, verb, values, first) : request(session, verb, named(values, first), undefined);
    });
  });
}

function version(): string {
  // Two levels up from dist/cli and from src/cli alike.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
