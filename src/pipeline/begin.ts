/** Where a run begins: one home for the position, decided once, pure. Layer 4. */
import { VStreamError } from '../errors.js';
import type { Position } from '../position/position.js';
import type { SinkCapabilities } from './sink.js';

/**
 * The text of `StateRecord.config`: who keeps the position. With a sink that stores it the one in the state row is only a mirror, and whoever
 * changes that by hand has to be told at once, not by the next start.
 */
export function configText({ position }: Pick<SinkCapabilities, 'position'>): string {
  return JSON.stringify({ position });
}

/** What that text says; undefined before the first start, and of rows of earlier releases. */
export function homeIn(config: string | undefined): SinkCapabilities['position'] | undefined {
  if (config === configText({ position: 'stored' })) return 'stored';
  return config === configText({ position: 'external' }) ? 'external' : undefined;
}

export interface BeginInput {
  readonly name: string;
  /** Of the state row. */
  readonly incarnation: string;
  readonly statePosition: Position | undefined;
  readonly capabilities: SinkCapabilities;
  readonly sinkPosition: Position | undefined;
  readonly sinkIncarnation: string | undefined;
}

export interface Begin {
  /** Where to resume; undefined: `from` decides. */
  readonly position: Position | undefined;
  readonly home: 'sink' | 'state' | 'none';
  /** A position of another life of the stream, found in the sink: its rows are there, so a new copy must use later generations. */
  readonly earlier: Position | undefined;
}

/**
 * A sink that stores positions is the only authority, so that one restored from a backup resumes from its own older position.
 * @throws VStreamError `POSITION_CONFLICT` when the sink is empty or of another life while the state row has moved on: going on
 *   would leave a hole.
 */
export function decideBegin(input: BeginInput): Begin {
  const { name, capabilities, statePosition, sinkPosition, sinkIncarnation, incarnation } = input;
  if (capabilities.position === 'external') {
    return { position: statePosition, home: statePosition ? 'state' : 'none', earlier: undefined };
  }
  if (sinkPosition && sinkIncarnation === incarnation) return { position: sinkPosition, home: 'sink', earlier: undefined };
  if (!statePosition) return { position: undefined, home: 'none', earlier: sinkPosition };
  const what = sinkPosition ? 'the sink belongs to another life of the stream' : 'the sink holds no position';
  throw new VStreamError('POSITION_CONFLICT', `stream ${JSON.stringify(name)} has a stored position, but ${what}`, {
    next: `Point it at the sink it was using, or run \`vstream state reset ${name}\` to begin anew with this one.`,
  });
}
