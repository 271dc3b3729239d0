/** Which dead letters a command is about: a file named on the command line, else what configuration and flags say. */
import { VStreamError } from '../errors.js';
import { Fields } from '../internal/fields.js';
import { Problems } from '../internal/problems.js';
import { type LetterBox, openLetterBox } from '../pipeline/letter-box.js';
import { readLetterPlace } from '../pipeline/validate.js';
import { validateSource } from '../stream/validate-source.js';
import { findConfig, loadConfig } from './config.js';
import { flagLabel, optionsOfFlags, overlay } from './flags.js';
import type { Session } from './session.js';

type Values = Readonly<Record<string, unknown>>;

/** The box is the caller's to close. Nothing is made in it. */
export async function openLetters(session: Session, values: Values, file: string | undefined): Promise<LetterBox> {
  const { clock, signal, logger } = session;
  const options = { clock, random: Math.random, signal };
  // A file needs no source to reach it.
  const config = file === undefined ? await configOf(values) : { deadLetter: { path: file } };
  const problems = new Problems(flagLabel(values));
  const fields = Fields.of(problems, '', config, { known: Object.keys(config) });
  if (fields && !fields.has('deadLetter')) {
    throw new VStreamError('CONFIG_INVALID', 'it is not said where the dead letters are', {
      next: 'Name the file, or the configuration whose `deadLetter` says it (--config), or give --dead-letter-keyspace, --dead-letter-table and --vtgate.',
    });
  }
  const place = fields && readLetterPlace(problems, fields);
  const source = fields && place?.kind === 'table' ? validateSource(problems, fields) : undefined;
  problems.throwIfAny('the options');
  if (!place) throw new VStreamError('INTERNAL', 'no place of dead letters was read');
  if (place.kind === 'file') return openLetterBox(place, UNREACHED, options);
  return openLetterBox(place, { source: source ?? UNREACHED.source, logger }, options);
}

/** A file is opened without a look at this. */
const UNREACHED = {} as Parameters<typeof openLetterBox>[1];

async function configOf(values: Values): Promise<Record<string, unknown>> {
  const file = findConfig(values['config'] as string | undefined, process.cwd());
  const base = file === undefined ? {} : (await loadConfig(file)).value;
  return overlay(base, await optionsOfFlags(values)) as Record<string, unknown>;
}
