/** State in this process: for tests and for streams that need not survive it. Layer 3. */
import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '../internal/clock.js';
import {
  claimRecord,
  newRecord,
  readRecord,
  releaseRecord,
  requestRecord,
  resetRecord,
  notFound,
  writeRecord,
  type KeptRecord,
} from './record.js';
import type { CheckpointStore } from './store.js';

export interface MemoryStoreOptions {
  /** The store's clock; leases end by it. Default: the monotonic clock of the process. */
  readonly clock?: Clock | undefined;
}

/** State that ends with the process: each start begins anew. Records are plain data, so that nothing mutable is shared with the caller. */
export function memoryStore(options: MemoryStoreOptions = {}): CheckpointStore {
  const clock = options.clock ?? systemClock;
  const records = new Map<string, KeptRecord>();
  // Wall time, moved on by the monotonic clock: readable in `updatedAt`, and no clock change moves a lease.
  const start = { wall: clock.now(), monotonic: clock.monotonic() };
  const now = (): number => start.wall + (clock.monotonic() - start.monotonic);
  const find = (name: string, part: string): KeptRecord | undefined => records.get(`${name}\u0000${part}`);
  const findOrCreate = (name: string, part: string): KeptRecord => {
    const found = find(name, part) ?? newRecord(name, part, randomUUID(), now());
    records.set(`${name}\u0000${part}`, found);
    return found;
  };
  return {
    description: 'memory of this process',
    async prepare() {},
    async read(name, part = '') {
      const kept = find(name, part);
      return kept && readRecord(kept, now());
    },
    async list() {
      return [...records.values()].map((kept) => readRecord(kept, now()));
    },
    async claim(name, owner, leaseMs, part = '') {
      return claimRecord(findOrCreate(name, part), owner, leaseMs, now());
    },
    async write(claim, patch, leaseMs) {
      return writeRecord(find(claim.name, claim.part), claim, patch, leaseMs, now());
    },
    async release(claim) {
      releaseRecord(find(claim.name, claim.part), claim, now());
    },
    async request(name, request, part = '') {
      requestRecord(find(name, part), name, request, now());
    },
    async reset(name, position, part = '') {
      // A position makes a stream that never ran; forgetting needs one that did.
      if (position === undefined && !find(name, part)) throw notFound(name);
      resetRecord(findOrCreate(name, part), position, randomUUID(), now());
    },
    async close() {},
  };
}
