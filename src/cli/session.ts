/** What every command gets: where to write, when to stop. The only file that touches the process. */
import { VStreamError, type ErrorCode } from '../errors.js';
import { systemClock, type Clock } from '../internal/clock.js';
import { logLine, type Logger } from '../observe/logger.js';
import { asFailure, describeFailure, EXIT, exitCodeOf, failureJson } from './exit.js';
import { StatusLine } from './status-line.js';
import { Output, painter, wantsColour, type Paint } from './terminal.js';

export interface SessionOptions {
  /** The last line of stdout is JSON, also for a failure. */
  readonly json?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

export interface Session {
  readonly json: boolean;
  readonly out: Output;
  /** stderr: the status line and lines above it. */
  readonly status: StatusLine;
  readonly logger: Logger;
  /** Aborts at the first SIGINT or SIGTERM, or when the reader of stdout went away: drain and end. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** Colours for stdout. */
  readonly paint: Paint;
  /** False under `--quiet`. */
  readonly talkative: boolean;
}

/** How long a command may drain after its reader went away; nobody is left to see why it hangs. */
const GONE_GRACE_MS = 5_000;

/** Runs a command and ends the process with its exit code. */
export async function inSession(options: SessionOptions, command: (session: Session) => Promise<number>): Promise<never> {
  const stopping = new AbortController();
  const out = new Output(process.stdout, () => {
    stopping.abort(new Error('the reader of the output went away'));
    systemClock.after(GONE_GRACE_MS, () => process.exit(EXIT.done), false);
  });
  // Nobody reads stderr any more: no reason to die of it.
  process.stderr.on('error', () => {});
  const status = new StatusLine({ stream: process.stderr, clock: systemClock });
  const talkative = options.quiet !== true;
  drainOnSignals(stopping, (text) => talkative && status.note(text));
  const session: Session = {
    json: options.json === true,
    out,
    status,
    logger: consoleLogger((text) => status.note(text), options),
    signal: stopping.signal,
    clock: systemClock,
    env: process.env,
    paint: painter(wantsColour(process.stdout, process.env)),
    talkative,
  };
  let code: number;
  try {
    code = await command(session);
    status.stop();
    await out.flush();
  } catch (error) {
    if (out.gone) code = EXIT.done;
    // What ends in the middle because of the signal has no more to say than that.
    else if (isStop(error, stopping.signal)) {
      await written(out, '');
      code = EXIT.interrupted;
    } else code = await reportFailure(session, error, options.verbose === true);
  }
  status.stop();
  process.exit(code);
}

function isStop(error: unknown, { aborted, reason }: AbortSignal): boolean {
  return aborted && (error === reason || (VStreamError.is(error) && error.code === 'ABORTED'));
}

async function reportFailure({ json, out, status }: Session, thrown: unknown, verbose: boolean): Promise<number> {
  const error = asFailure(thrown);
  status.stop();
  if (verbose) process.stderr.write(stacksOf(error));
  const isWritten = await written(out, json ? failureJson(error) : '');
  // Where stdout cannot be written there is still stderr.
  if (!json || !isWritten) process.stderr.write(describeFailure(error));
  return exitCodeOf(error);
}

/** The text and all before it; false when some of it never reached the system. */
async function written(out: Output, text: string): Promise<boolean> {
  try {
    await out.write(text);
    await out.flush();
    return true;
  } catch {
    return false;
  }
}

/** Whose causes are code of the user's or ours. Those of a server may quote what was sent, secrets included. */
const OWN_CAUSES: ReadonlySet<ErrorCode> = new Set(['HANDLER_FAILED', 'SINK_FAILED', 'CONFIG_INVALID', 'INTERNAL']);

function stacksOf(error: VStreamError): string {
  const lines = [error.stack ?? error.message];
  let cause = OWN_CAUSES.has(error.code) ? error.cause : undefined;
  for (; cause instanceof Error && lines.length < 5; cause = cause.cause) lines.push(`caused by ${cause.stack ?? cause.message}`);
  return `${lines.join('\n')}\n`;
}

function drainOnSignals(stopping: AbortController, say: (text: string) => void): void {
  let signalled = false;
  const onSignal = (name: NodeJS.Signals): void => {
    if (signalled) process.exit(EXIT.interrupted);
    signalled = true;
    say(name === 'SIGINT' ? 'stopping: finishing what is in flight (Ctrl-C again: at once)' : 'stopping: finishing what is in flight');
    stopping.abort(new Error(`stopped by ${name}`));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}

const SHOWN_FIELDS = 6;

/** Lines such as `warn: lost the connection (attempt=2 delay=400)`. */
function consoleLogger(note: (text: string) => void, { verbose, quiet }: SessionOptions): Logger {
  const say = (level: string) => (fields: Record<string, unknown>, message: string) => {
    // What is worth knowing in good times is in the message.
    const most = verbose ? undefined : level === 'info' ? 0 : SHOWN_FIELDS;
    note(`${level === 'info' ? '' : `${level}: `}${logLine(fields, message, most)}`);
  };
  const nothing = (): void => {};
  return {
    debug: verbose ? say('debug') : nothing,
    info: quiet ? nothing : say('info'),
    warn: quiet ? nothing : say('warn'),
    error: say('error'),
  };
}
