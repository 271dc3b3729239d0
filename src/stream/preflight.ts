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

export interface BinlogFacts {
  /** `binlog_row_image` by `keyspace/shard`, where it could be read. */
  readonly rowImages: ReadonlyMap<string, RowImage>;
  /** Seconds after which a binary log may be purged, by `keyspace/shard`; absent = never by age, or unknown. */
  readonly expireSeconds: ReadonlyMap<string, number>;
}

/**
 * Settings of each shard's streamed tablet; a shard that does not answer (rights) is left out.
 * @throws VStreamError `ROW_IMAGE_REFUSED` for MINIMAL: the tablet would end the stream, or rows would be incomplete
 */
export async function readBinlogFacts(
  transport: Transport,
  shards: readonly ShardName[],
  type: TabletType,
  signal: AbortSignal | undefined,
): Promise<BinlogFacts> {
  const rowImages = new Map<string, RowImage>();
  const expireSeconds = new Map<string, number>();
  const ask = async ({ keyspace, shard }: ShardName): Promise<void> => {
    const settings = await runStatement(transport, selectBinlogSettings(keyspace, shard, tabletKind(type)), { signal }).catch(
      () => undefined,
    );
    const image = settings?.rowImage;
    if (image === 'MINIMAL') {
      throw new VStreamError('ROW_IMAGE_REFUSED', `MySQL of ${keyspace}/${shard} logs minimal row images, which cannot be streamed`, {
        keyspace,
        shard,
        next: 'Set binlog_row_image to FULL (or NOBLOB) on its tablets.',
      });
    }
    if (image === 'FULL' || image === 'NOBLOB') rowImages.set(`${keyspace}/${shard}`, image);
    if (settings && settings.expireSeconds > 0n) expireSeconds.set(`${keyspace}/${shard}`, Number(settings.expireSeconds));
  };
  for (let at = 0; at < shards.length; at += AT_ONCE) await Promise.all(shards.slice(at, at + AT_ONCE).map(ask));
  return { rowImages, expireSeconds };
}

/** Share of the logs' life at which a lag is worth a warning: there is still time to act. */
const WARN_SHARE = 0.5;

/** The shortest lag, milliseconds, that any shard is warned of. */
export function warnFromMs(expireSeconds: Iterable<number>): number {
  return Math.min(...[...expireSeconds].map((seconds) => seconds * WARN_SHARE * 1000));
}

/** A sentence when a lag nears the age at which binary logs are purged, else undefined. Pure. */
export function expiryWarning(lagMs: number, expireSeconds: number | undefined): string | undefined {
  if (expireSeconds === undefined || lagMs / 1000 < expireSeconds * WARN_SHARE) return undefined;
  const hours = (seconds: number): string => `${(seconds / 3600).toFixed(1)} h`;
  return `behind by ${hours(lagMs / 1000)}, and binary logs are purged after ${hours(expireSeconds)}: the position will be lost`;
}

/**
 * InnoDB runs the cascades of foreign keys below the binary log, so the rows they change never come (G133). Warned of by name: MySQL 9.7
 * can run them in its SQL layer, where they are logged, so a foreign key alone proves nothing.
 */
export async function warnOfCascades(
  transport: Transport,
  tables: readonly TableRef[],
  logger: Logger,
  signal: AbortSignal | undefined,
): Promise<void> {
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

/**
 * A table without a primary key is copied in the order of all its columns. With long columns among them MySQL can run out of
 * sort memory (1038), and VTGate then tries again for ever without a word: seen on a real server.
 */
export function keylessCopyWarning({ keyspace, table }: TableRef, columnTypes: readonly string[]): string | undefined {
  if (!columnTypes.some((type) => /text|blob|json|geometry|vector/i.test(type))) return undefined;
  return `${keyspace}.${table} has no primary key and long columns: MySQL sorts by all of them to copy it, and may not manage (error 1038), in silence`;
}
