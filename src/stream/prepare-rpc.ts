/** What the stream's next RPC asks for, and what reads its events. Layer 3. */
import type { TableRef } from '../schema/table.js';
import type { VStreamRequest } from '../wire/gen/vtgate_pb.js';
import type { TabletType } from '../wire/gen/topodata_pb.js';
import type { Assembler } from './assembler.js';
import type { StreamCatalog } from './catalog.js';
import { Grouper } from './grouper.js';
import { buildRequest } from './request.js';
import type { ValidatedStream } from './validated.js';

export interface NextRpc {
  readonly assembler: Assembler;
  readonly catalog: StreamCatalog;
  readonly stream: ValidatedStream;
  readonly copying: TableRef | undefined;
  readonly tabletType: TabletType;
}

export function prepareRpc({ assembler, catalog, stream, copying, tabletType }: NextRpc): { grouper: Grouper; request: VStreamRequest } {
  const { position } = assembler;
  const { limits, hugeTransaction } = stream;
  const { cells, flags, callerId } = stream.source;
  const grouper = new Grouper({
    catalog,
    shards: position.shards,
    phase: (keyspace, shard) => (assembler.copiedOn(keyspace, shard) ? 'live' : 'catchup'),
    reshards: position.reshards,
    transactionBytes: limits.transactionBytes,
    hugeTransaction,
    skip: position.partial,
    isHeld: position.since.isEmpty ? undefined : (...change) => assembler.isHeld(...change),
  });
  const chunkBytes = hugeTransaction === 'split' ? limits.transactionBytes : 0;
  const request = buildRequest({ position, copying, tables: catalog.tables, tabletType, cells, flags, callerId, chunkBytes });
  return { grouper, request };
}
