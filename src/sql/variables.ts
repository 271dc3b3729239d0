/** Settings of MySQL that decide what a stream carries and for how long. Layer 2. */
import { onlyRow } from './result.js';
import { shardTarget, type TabletKind } from './target.js';
import type { Statement } from './statement.js';

export interface BinlogSettings {
  /** `FULL`, `NOBLOB` or `MINIMAL`; the last one cannot be streamed. */
  readonly rowImage: string;
  /** `PARTIAL_JSON` or empty. */
  readonly rowValueOptions: string;
  /** Seconds until a binary log may be purged; 0 = never by age. */
  readonly expireSeconds: bigint;
  /** `FULL` or `MINIMAL`. */
  readonly rowMetadata: string;
}

export function selectBinlogSettings(keyspace: string, shard: string, type: TabletKind = 'primary'): Statement<BinlogSettings> {
  return {
    target: shardTarget(keyspace, shard, type),
    text:
      'select @@global.binlog_row_image, @@global.binlog_row_value_options, @@global.binlog_expire_logs_seconds, ' +
      '@@global.binlog_row_metadata',
    read: (result) => {
      const row = onlyRow(result);
      return {
        rowImage: row.text(0).toUpperCase(),
        rowValueOptions: row.textOrNull(1) ?? '',
        expireSeconds: row.bigint(2),
        rowMetadata: (row.textOrNull(3) ?? '').toUpperCase(),
      };
    },
  };
}
