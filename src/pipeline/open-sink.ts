/** Opens a destination and decides, from what it holds and what the state row says, where to begin. Layer 4. */
import type { Position } from '../position/position.js';
import { type Begin, decideBegin } from './begin.js';
import type { Sink, SinkOpenContext } from './sink.js';

/** @throws VStreamError what the sink throws, and `POSITION_CONFLICT` */
export async function openSink(sink: Sink, context: SinkOpenContext, statePosition: Position | undefined): Promise<Begin> {
  const opened = await sink.open(context);
  const { position: sinkPosition, incarnation: sinkIncarnation } = opened || {};
  const { name, incarnation } = context;
  const begin = decideBegin({
    name,
    incarnation,
    statePosition,
    capabilities: sink.capabilities,
    sinkPosition,
    // A sink that names none speaks of the life it was opened for.
    sinkIncarnation: sinkIncarnation ?? (sinkPosition ? incarnation : undefined),
  });
  // Meant after `state reset`; with another cluster or state by mistake, all of its rows would go.
  if (begin.earlier)
    context.logger.warn(
      { name },
      'the sink holds rows of an earlier life of this stream, whose state was reset or is gone: what its tables do not have now is removed there',
    );
  return begin;
}
