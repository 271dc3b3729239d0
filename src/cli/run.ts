/** `vstream run`: a configuration file, its sink and its state, until it ends or is stopped. */
import { relative } from 'node:path';
import { VStreamError } from '../errors.js';
import type { RunOptions, Summary } from '../pipeline/options.js';
import { validateRunOptions, type ValidatedRun } from '../pipeline/validate.js';
import { toJson } from '../internal/json.js';
import { CONFIG_NAMES, findConfig, loadConfig } from './config.js';
import { EXIT } from './exit.js';
import { grouped, spoken } from './figures.js';
import { givenFlagLabel, optionsOfFlags, overlay } from './flags.js';
import { withParts } from './parts.js';
import type { Session } from './session.js';

type Values = Readonly<Record<string, unknown>>;

export interface LoadedRun {
  readonly file: string;
  /** As `start` takes them. */
  readonly given: RunOptions;
  readonly options: ValidatedRun;
}

/** The options of a run: a configuration file, and flags over it. */
export async function loadRun(session: Session, values: Values, asked: string | undefined): Promise<LoadedRun> {
  const file = findConfig(asked, process.cwd());
  if (file === undefined) {
    throw new VStreamError('CONFIG_INVALID', `there is no configuration here (${CONFIG_NAMES.join(', ')})`, {
      next: 'Write one, or name it: `vstream run path/to/config.mjs`.',
    });
  }
  const config = await loadConfig(file);
  // The parser's default is true: only `--no-wait` says anything against the file.
  const flags = { ...(await optionsOfFlags(values)), ...(values['wait'] === false ? { wait: false } : {}) };
  const merged = overlay(config.value, flags) as Record<string, unknown>;
  const options = { logger: session.logger, ...(await withParts(merged, config.folder)), signal: session.signal };
  const validated = validateRunOptions(options, { label: givenFlagLabel(values) });
  return { file, given: options as unknown as RunOptions, options: validated };
}

export async function runCommand(session: Session, values: Values, asked: string | undefined): Promise<number> {
  const { file, given, options } = await loadRun(session, values, asked);
  if (session.talkative) session.status.note(`running ${options.name} (${relative(process.cwd(), file) || file})`);
  const { start } = await import('../index.js');
  const running = start(given);
  if (session.talkative) session.status.start(() => running.stats());
  const summary = await running.finished;
  const tables = running.stats().tables.length;
  session.status.stop();
  if (session.talkative) session.status.note(describe(summary));
  if (session.json) {
    const { rows, seconds, position, reason } = summary;
    await session.out.write(`${toJson({ rows, tables, seconds: Math.round(seconds * 1000) / 1000, position, reason })}\n`);
  }
  return EXIT.done;
}

function describe({ rows, seconds, reason }: Summary): string {
  const why = { until: 'reached the end asked for', aborted: 'stopped', closed: 'closed' }[reason];
  return `${why}: ${grouped(rows)} rows in ${spoken(seconds)}; the position is stored`;
}
