/** Collects everything wrong with an input, so that one error can name it all. Layer 0. */
import { VStreamError } from '../errors.js';

export interface Problem {
  /** Where, as the user wrote it: `source.vtgate`, or `--vtgate` on the command line. */
  readonly path: string;
  /** What is wrong, without the path: `is missing`. */
  readonly what: string;
  /** How to mend it: a sentence in the imperative. */
  readonly next: string;
}

/** Turns an option path into the name its user knows, for example a flag. */
export type Label = (path: string) => string;

export class Problems {
  readonly #list: Problem[] = [];
  readonly #label: Label;

  constructor(label: Label = (path) => path) {
    this.#label = label;
  }

  get list(): readonly Problem[] {
    return this.#list;
  }

  /** The name the user knows for an option path. */
  label(path: string): string {
    return this.#label(path);
  }

  /** Options quoted in the texts (`source.keyspace`) are given their user's names too. */
  add(path: string, what: string, next: string): void {
    this.#list.push({ path: this.#label(path), what: this.#named(what), next: this.#named(next) });
  }

  #named(text: string): string {
    return text.replaceAll(/`([\w.]+)`/g, (_whole, path: string) => `\`${this.#label(path)}\``);
  }

  /**
   * Throws one `CONFIG_INVALID` that names every problem; does nothing when there is none. One problem is one line and its
   * next step; several are one line each, with how to mend it.
   */
  throwIfAny(subject: string): void {
    const [first] = this.#list;
    if (!first) return;
    if (this.#list.length === 1) throw new VStreamError('CONFIG_INVALID', `${first.path} ${first.what}`, { next: first.next });
    throw several(
      this.#list.map(({ path, what, next }) => lineOf(`${path} ${what}`, next)),
      subject,
    );
  }
}

/** Errors made by `throwIfAny`, or of one problem each, as one that names all of them. */
export function together(errors: readonly VStreamError[], subject: string): VStreamError {
  const [only, ...more] = errors;
  if (only && more.length === 0) return only;
  const lines = errors.flatMap(({ message, next }) =>
    message.includes('\n') ? message.split('\n').slice(1) : [lineOf(message, next ?? '')],
  );
  return several(lines, subject);
}

function several(lines: readonly string[], subject: string): VStreamError {
  return new VStreamError('CONFIG_INVALID', `${lines.length} problems in ${subject}\n${lines.join('\n')}`, {
    next: 'Mend all of them; nothing was started.',
  });
}

function lineOf(what: string, next: string): string {
  return `  ${what}: ${lowerFirst(next)}`;
}

/** A value for a message: short, quoted, never an object's content (it may hold secrets). */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'function' ? 'a function' : typeof value === 'object' ? 'an object' : typeof value;
}

/** `a`, `b` or `c`. */
export function alternatives(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}

function lowerFirst(text: string): string {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  return /^[A-Z][a-z]/.test(bare) ? bare.charAt(0).toLowerCase() + bare.slice(1) : bare;
}
