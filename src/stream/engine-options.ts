/** What an engine works with. Layer 3, types only. */
import type { Clock } from '../internal/clock.js';
import type { Logger } from '../observe/logger.js';
import type { Recorder } from '../observe/recorder.js';
import type { TableRef } from '../schema/table.js';
import type { Backoff } from '../supervise/backoff.js';
import type { Transport } from '../transport/transport.js';
import type { BeginningOptions } from './first-position.js';
import type { RowsChanged } from './statements.js';
import type { StopPoint } from './stop.js';
import type { UndecodablePolicy } from './undecodable.js';

export interface EngineOptions extends BeginningOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: Recorder;
  readonly backoff: Backoff;
  /** Decode rows before they are handed out. */
  readonly eager: boolean;
  /** The consumer decodes each row itself before it uses one, and knows what to do with those that fail. */
  readonly screened: boolean;
  /**
   * The consumer stores the position apart from the rows, and can be killed between the two: what it may have got is said in the
   * position first (copy/opened.ts).
   */
  readonly positionApart: boolean;
  /** Milliseconds between two progress batches of a stream without rows. */
  readonly progressMs: number;
  readonly stop: StopPoint;
  rowsChanged(table: TableRef, reason: string): RowsChanged;
  /** For a position that is purged, ahead or foreign: fail, or copy the shard's tables again. */
  readonly onPurged: 'fail' | 'recopy';
  /** For a transaction the server cannot decode. */
  readonly onUndecodable: UndecodablePolicy;
}
