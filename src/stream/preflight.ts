/** What the source's settings do to a stream, looked at before it begins: row images, foreign keys, tablet kinds. Layer 3. */
import { VStreamError } from '../errors.js';
import type { Logger } from '../observe/logger.js';
import type { TableRef } from '../schema/table.js';
import { runStatement } from '../sql/statement.js';
import { selectForeignKeys } from '../sql/tables.js';
import type { TabletKind } from '../sql/target.js';
import type { ShardName } from '../sql/topology.js';
import { selectBinlogSettings } from '../sql/variables.js';
import type { Transport } from '../transport/transport.js';
import { TabletType } from '../wire/gen/topodata_pb.js';
import type { RowImage } from './catalog.js';

/** Statements under way at once. */
const AT_ONCE = 8;

export function tabletKind(type: TabletType): TabletKind {
  return type === TabletType.RDONLY ? 'rdonly' : type === TabletType.REPLICA ? 'replica' : 'primary';
}

/**
 * `binlog_row_image` of each shard's streamed tablet; a shard that does not answer (rights) is left out.
 * @throws VStreamError `ROW_IMAGE_REFUSED` for MINIMAL: the tablet would end the stream, or rows would be incomplete
 */
export async function readRowImages(
  transport: Transport, shards: readonly ShardName[], type: TabletType, signal: AbortSignal | undefined,
): Promise<Map<string, RowImage>> {
  const images = new Map<string, RowImage>();
  const ask = async ({ keyspace, shard }: ShardName): Promise<void> => {
    const settings = await runStatement(transport, selectBinlogSettings(keyspace, shard, tabletKind(type)), { signal }).catch(() => undefined);
    const image = settings?.rowImage;
    if (image === 'MINIMAL') {
      throw new VStreamError('ROW_IMAGE_REFUSED', `MySQL of ${keyspace}/${shard} logs minimal row images, which cannot be streamed`, {
        keyspace,
        shard,
        next: 'Set binlog_row_image to FULL (or NOBLOB) on its tablets.',
      });
    }
    if (image === 'FULL' || image === 'NOBLOB') images.set(`${keyspace}/${shard}`, image);
  };
  for (let at = 0; at < shards.length; at += AT_ONCE) await Promise.all(shards.slice(at, at + AT_ONCE).map(ask));
  return images;
}

/**
 * InnoDB runs the cascades of foreign keys below the binary log, so the rows they change never come (G133). Warned of by name: MySQL 9.7
 * can run them in its SQL layer, where they are logged, so a foreign key alone proves nothing.
 */
export async function warnOfCascades(transport: Transport, tables: readonly TableRef[], logger: Logger, signal: AbortSignal | undefined): Promise<void> {
  for (const keyspace of new Set(tables.map((one) => one.keyspace))) {
    const keys = await runStatement(transport, selectForeignKeys(keyspace), { signal }).catch(() => []);
    for (const { name, table, referencedTable, onDelete, onUpdate } of keys) {
      if (!tables.some((one) => one.keyspace === keyspace && one.table === table)) continue;
      const rules = [onDelete, onUpdate].filter((rule) => rule === 'CASCADE' || rule === 'SET NULL');
      if (rules.length === 0) continue;
      logger.warn(
        { keyspace, table, foreignKey: name },
        `rows of ${keyspace}.${table} that change by ${rules[0]} from ${referencedTable} may not be streamed: InnoDB runs it outside the binary log`,
      );
    }
  }
}
