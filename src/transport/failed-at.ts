/** Where a failed stream says it failed: the other reader of server texts beside failures.ts. Layer 2. Pure. */

/** The shard whose end ended the RPC: VTGate puts it in front of every error of a tablet's stream. */
export function shardInText(text: string): { readonly keyspace: string; readonly shard: string } | undefined {
  const found =
    /error starting stream from shard GTID keyspace:"([^"]+)"\s+shard:"([^"]+)"/.exec(text) ??
    /error in vstream for ([^\s/]+)\/(\S+) on tablet/.exec(text) ??
    /tablet for VStream in ([^\s/]+)\/(\S+) within the/.exec(text);
  const [, keyspace, shard] = found ?? [];
  return keyspace === undefined || shard === undefined ? undefined : { keyspace, shard };
}

/** The table a tablet does not know. */
export function tableInText(text: string): { readonly table: string } | undefined {
  const table = /table (\S+) is not present in the database/.exec(text)?.[1];
  return table === undefined ? undefined : { table };
}

/** "stream (at source tablet) error @ (including the GTID we failed to process) SET: …": the set up to the transaction that failed. */
export function failedSetInText(text: string): string | undefined {
  return /error @ (?:\([^)]*\) )?(MySQL56\/[0-9a-z_,:-]*[0-9])(?=[:;,\s]|$)/i.exec(text)?.[1];
}
