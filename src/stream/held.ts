/** Keeps out of an RPC the changes that a table's rows, read from a snapshot, hold already (position/since.ts). Layer 3. */
import type { FieldNotice } from './tables.js';

/** True: rows of the table on that shard hold the transaction. `gtid` is its own, where the server says it. */
export type IsHeld = (keyspace: string, table: string, shard: string, gtid: string | undefined) => boolean;

/** Of one shard in one RPC. */
export class HeldChanges {
  readonly #isHeld: (table: string, gtid: string | undefined) => boolean;
  /** What is learned with changes that are kept out concerns nobody before the first that is not: a later version may have come till then. */
  readonly #notices = new Map<string, FieldNotice>();

  constructor(isHeld: IsHeld, keyspace: string, shard: string) {
    this.#isHeld = (table, gtid) => isHeld(keyspace, table, shard, gtid);
  }

  /** A table's columns were learned, by a copy or inside a transaction. Undefined: to be told later, if ever. */
  learned(notice: FieldNotice, copied: boolean, gtid: string | undefined): FieldNotice | undefined {
    const { table } = notice.ref;
    this.#notices.delete(table);
    if (copied || !this.#isHeld(table, gtid)) return notice;
    this.#notices.set(table, notice);
    return undefined;
  }

  keepsOut(table: string, gtid: string | undefined): boolean {
    return this.#isHeld(table, gtid);
  }

  /** Before a change that is handed on: the columns it needs, if nobody was told of them yet. */
  untold(table: string): FieldNotice | undefined {
    const notice = this.#notices.get(table);
    if (notice) this.#notices.delete(table);
    return notice;
  }
}
