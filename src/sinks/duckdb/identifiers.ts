/** SQL text from names and values. Layer 5. */

/** A name as a quoted identifier; any name is allowed, so nothing of the source can end the quotes. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Columns the sink adds to every table; they start with a prefix that no user's column may have. */
export const META = {
  shard: '_vstream_shard',
  generation: '_vstream_generation',
  op: '_vstream_op',
  gtid: '_vstream_gtid',
  ordinal: '_vstream_ordinal',
  commitTime: '_vstream_commit_time',
  before: '_vstream_before',
  /** Of displaced rows: counts up, so that the last one displaced comes back first. */
  order: '_vstream_order',
  /** Of displaced rows: the names of the key columns, a JSON list. */
  keyColumns: '_vstream_key',
} as const;

export const META_PREFIX = '_vstream_';
