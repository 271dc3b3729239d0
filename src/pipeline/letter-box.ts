/** Where dead letters are kept: a file, or a table in Vitess. Layer 4. */
import type { Clock } from '../internal/clock.js';
import type { TableRef } from '../schema/table.js';
import type { ValidatedStream } from '../stream/validated.js';
import type { DeadLetter, LetterHead } from './dead-letter.js';
import { FileLetterBox } from './letter-file.js';

/** A letter as it is found again. */
export interface KeptLetter {
  readonly head: LetterHead;
  readonly done: LetterDone | undefined;
}

export interface LetterDone {
  readonly time: string;
  /** `replayed`, or why it needed no replay. */
  readonly how: string;
}

export interface KeptLetters {
  /** Each once. */
  readonly letters: readonly KeptLetter[];
  /** Lines of a file that are none: cut by a crash, or not ours. */
  readonly damaged: number;
}

export interface LetterBox {
  /** For messages: `the dead letter file bad.jsonl`. */
  readonly description: string;
  /** Makes what is missing and looks whether letters can be stored, so that trouble shows before the first one. */
  prepare(): Promise<void>;
  /** Durable when it resolves. Letters that are there already stay as they are. */
  append(letters: readonly DeadLetter[]): Promise<void>;
  list(): Promise<KeptLetters>;
  /** The whole letter. */
  read(head: LetterHead): Promise<DeadLetter>;
  settle(head: LetterHead, how: string): Promise<void>;
  /** It is not listed any more. */
  remove(head: LetterHead): Promise<void>;
  close(): Promise<void>;
}

export type LetterPlace = { readonly kind: 'file'; readonly path: string } | ({ readonly kind: 'table' } & TableRef);

export interface OpenLetterBox {
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** @param stream where a table is reached, over a connection of its own */
export async function openLetterBox(
  place: LetterPlace,
  stream: Pick<ValidatedStream, 'source' | 'logger'>,
  options: OpenLetterBox,
): Promise<LetterBox> {
  if (place.kind === 'file') return new FileLetterBox(place.path, options.clock);
  const { openTableLetterBox } = await import('./letter-table.js');
  return openTableLetterBox(place, stream, options);
}

/** In the order in which their changes took place on their shard. */
export function bySequence({ head: a }: KeptLetter, { head: b }: KeptLetter): number {
  if (a.reshards !== b.reshards) return a.reshards - b.reshards;
  const [x, y] = [BigInt(a.transactions), BigInt(b.transactions)];
  return x < y ? -1 : x > y ? 1 : a.ordinal - b.ordinal;
}
