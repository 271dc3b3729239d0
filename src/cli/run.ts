/** `vstream run`: a configuration file, its sink and its state, until it ends or is stopped. */
import { relative } from 'node:path';
import { VStreamError } from '../errors.js';
import type { RunOptions, Summary } from '../pipeline/options.js';
import { validateRunOptions, type ValidatedRun } from '../pipeline/validate.js';
import { toJson } from '../internal/json.js';
import { must } from '../internal/must.js';
import { together } from '../internal/problems.js';
import { CONFIG_NAMES, findConfig, loadConfig } from './config.js';
import { EXIT } from './exit.js';
import { counted, spoken } from '../internal/figures.js';
import { givenFlagLabel, optionsOfFlags, overlay } from './flags.js';
import { partsOf } from './parts.js';
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
  const parts = await partsOf(merged, config.folder);
  const options = { logger: session.logger, ...parts.options, signal: session.signal };
  const validated = validateBeside(parts.failures, () => validateRunOptions(options, { label: givenFlagLabel(values) }));
  return { file, given: options as unknown as RunOptions, options: validated };
}

/** What is wrong in the parts and what is wrong beside them are told together. */
function validateBeside(failures: readonly VStreamError[], validate: () => ValidatedRun): ValidatedRun {
  const wrong = failures.filter(({ code }) => code === 'CONFIG_INVALID');
  let validated: ValidatedRun | undefined;
  try {
    validated = validate();
  } catch (error) {
    if (!VStreamError.is(error) || error.code !== 'CONFIG_INVALID') throw error;
    wrong.push(error);
  }
  if (wrong.length > 0) throw together(wrong, 'the options');
  const [missing] = failures;
  if (missing) throw missing;
  return must(validated, 'options without problems');
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

function describe({ rows, seconds, reason, position }: Summary): string {
  const why = { until: 'reached the end asked for', aborted: 'stopped', closed: 'closed' }[reason];
  return `${why}: ${counted(rows, 'row')} in ${spoken(seconds)}; ${position === undefined ? 'no position yet' : 'the position is stored'}`;
}
