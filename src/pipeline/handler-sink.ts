/** A function as a sink: the 20-line connector. Layer 4. */
import { messageOf, VStreamError } from '../errors.js';
import { describePlace, whereIs } from './apply.js';
import { changeOf } from './at-change.js';
import type { Handler } from './options.js';
import type { Sink } from './sink.js';

/**
 * Positions stay in the state (at least once). A handler that throws ends the stream with `HANDLER_FAILED`; it is not called
 * again with the same batch in this process, as only it knows what it did before throwing.
 */
export function handlerSink(handler: Handler): Sink {
  return {
    capabilities: { position: 'external', deletes: true, sweep: false, schema: 'fixed' },
    open: async () => {},
    async apply(batch, context) {
      try {
        await handler(batch, context);
      } catch (error) {
        if (VStreamError.is(error)) throw error;
        const change = changeOf(error);
        const { keyspace, shard, table, position } = whereIs(batch, change);
        throw new VStreamError(
          'HANDLER_FAILED',
          `the handler threw ${change ? '' : 'on '}${describePlace(batch, change)}: ${messageOf(error)}`,
          {
            keyspace,
            shard,
            table,
            position,
            next: 'Mend the handler and start again: the stored position is the one before this batch.',
            cause: error,
          },
        );
      }
    },
    close: async () => {},
  };
}
