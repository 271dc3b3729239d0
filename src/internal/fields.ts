/** Reads the fields of an options object, noting what is wrong instead of throwing. Layer 0. */
import { parseDuration } from './duration.js';
import { alternatives, shown, type Problems } from './problems.js';
import { suggest } from './suggest.js';

export type Unknowns = Record<string, unknown>;

export function isObject(value: unknown): value is Unknowns {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object written as such: no list, no instance of a class. */
export function isPlainObject(value: unknown): value is Unknowns {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

export interface FieldsOptions {
  readonly known: readonly string[];
  /** Names that belong elsewhere, and where: `{ keyspace: 'source.keyspace' }`. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** What the whole is called when it is the root. */
  readonly noun?: string;
}

/** One object under validation. Every reader returns the value, or undefined after noting the problem (or when it is absent). */
export class Fields {
  readonly #problems: Problems;
  readonly #path: string;
  readonly #values: Unknowns;

  private constructor(problems: Problems, path: string, values: Unknowns) {
    this.#problems = problems;
    this.#path = path;
    this.#values = values;
  }

  /** Undefined, with the problem noted, when `value` is no object. Unknown names are noted with a suggestion. */
  static of(problems: Problems, path: string, value: unknown, options: FieldsOptions): Fields | undefined {
    if (!isObject(value)) {
      const what = `must be an object, not ${shown(value)}`;
      problems.add(path || options.noun || 'the value', what, `Write an object with ${alternatives(options.known.slice(0, 3))}.`);
      return undefined;
    }
    const fields = new Fields(problems, path, value);
    for (const name of Object.keys(value)) if (!options.known.includes(name)) fields.#unknown(name, options);
    return fields;
  }

  #unknown(name: string, { known, elsewhere }: FieldsOptions): void {
    const home = elsewhere?.[name];
    const near = suggest(name, known);
    let next = known.length === 0 ? 'Remove it.' : `Remove it; known here: ${known.join(', ')}.`;
    if (home !== undefined) next = `Move it to ${alternatives([home])}.`;
    else if (near !== undefined) next = `Did you mean ${alternatives([this.at(near)])}?`;
    this.fail(name, 'is not an option', next);
  }

  /** The full path of a field. */
  at(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  fail(name: string, what: string, next: string): undefined {
    this.#problems.add(this.at(name), what, next);
    return undefined;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  raw(name: string): unknown {
    return this.#values[name];
  }

  /** Notes a missing field and returns false. */
  require(name: string, next: string): boolean {
    if (this.has(name)) return true;
    this.fail(name, 'is missing', next);
    return false;
  }

  text(name: string, next = 'Write text in quotes.'): string | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value.trim() !== '') return value;
    return this.fail(name, typeof value === 'string' ? 'is empty' : `must be text, not ${shown(value)}`, next);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.raw(name);
    if (value === undefined) return fallback;
    if (typeof value === 'boolean') return value;
    this.fail(name, `must be true or false, not ${shown(value)}`, `Write true or false; the default is ${fallback}.`);
    return fallback;
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const hit = choices.find((choice) => choice === value);
    if (hit !== undefined) return hit;
    const near = typeof value === 'string' ? suggest(value, choices) : undefined;
    const next = near === undefined ? `Write ${alternatives(choices)}.` : `Did you mean ${alternatives([near])}?`;
    return this.fail(name, `must be ${alternatives(choices)}, not ${shown(value)}`, next);
  }

  /** A whole number from `min` to `max`. */
  count<F extends number | undefined>(name: string, fallback: F, min = 1, max = Number.MAX_SAFE_INTEGER): number | F {
    const value = this.raw(name);
    if (value === undefined) return fallback;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    const otherwise = fallback === undefined ? '' : ` for ${fallback}`;
    this.fail(name, `must be a whole number ${range}, not ${shown(value)}`, `Write such a number, or leave it out${otherwise}.`);
    return fallback;
  }

  /** Milliseconds of a duration of at least `minMs`. */
  duration(name: string, fallback: number, minMs = 0): number {
    const value = this.raw(name);
    if (value === undefined) return fallback;
    const ms = parseDuration(value);
    if (ms !== undefined && ms >= minMs) return ms;
    const what = ms === undefined ? `is not a duration: ${shown(value)}` : `must be at least ${minMs} ms, not ${shown(value)}`;
    this.fail(name, what, 'Write milliseconds as a number, or text such as `500ms`, `30s`, `5m`.');
    return fallback;
  }

  /** A list of different, non-empty names. */
  names(name: string, example: string): readonly string[] | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const next = `Write a list such as ${example}, or leave it out.`;
    if (!Array.isArray(value)) return this.fail(name, `must be a list, not ${shown(value)}`, next);
    if (value.length === 0) return this.fail(name, 'is an empty list', next);
    const bad: unknown = value.find((one) => typeof one !== 'string' || one.trim() === '');
    if (bad !== undefined) return this.fail(name, `must hold names only, not ${shown(bad)}`, next);
    const names = value as string[];
    const twice = names.find((one, index) => names.indexOf(one) !== index);
    if (twice !== undefined) return this.fail(name, `lists ${shown(twice)} twice`, 'Write it once.');
    return names;
  }
}
