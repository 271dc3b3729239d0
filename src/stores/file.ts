/**
 * State in a folder: one JSON file per stream. For one machine: development, tests, small installations. Layer 3.
 *
 * A change is made under a lock file and lands by rename, so that a reader or a crash sees the old record or the new one.
 * Leases end by this machine's clock. Processes on other machines that share the folder are kept out by the lock, but their
 * clocks decide about their leases: use a Vitess table there.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VStreamError } from '../errors.js';
import { systemClock, type Clock } from '../internal/clock.js';
import { withFileLock } from './file-lock.js';
import {
  claimRecord,
  newRecord,
  notFound,
  readRecord,
  releaseRecord,
  requestRecord,
  resetRecord,
  writeRecord,
  type KeptRecord,
} from './record.js';
import type { CheckpointStore } from './store.js';

export interface FileStoreOptions {
  /** Folder of the records; created on demand. As in a configuration file (`"state": { "type": "file", "path": … }`). */
  readonly path: string;
  /** By which leases end. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * State in a folder, one JSON file per stream (the name, escaped, and `.json`), readable for its owner only. For processes of one machine:
 * leases end by its clock.
 */
export function fileStore(options: FileStoreOptions): CheckpointStore {
  const { path: folder } = options;
  const clock = options.clock ?? systemClock;
  const pathOf = (name: string, part: string): string => join(folder, fileName(name, part));

  const load = async (path: string): Promise<KeptRecord | undefined> => {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw failed(folder, 'read', error);
    }
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null && typeof (value as KeptRecord).name === 'string') return value as KeptRecord;
    } catch {
      // told below
    }
    throw new VStreamError('STATE_FAILED', `${path} holds no state of this client`, { next: 'Move the file away, or restore it.' });
  };

  /** Runs `change` on the record under the lock; writes it back unless it threw. */
  const transact = async <T>(
    name: string,
    part: string,
    change: (kept: KeptRecord | undefined) => { kept?: KeptRecord | undefined; result: T },
  ): Promise<T> => {
    const path = pathOf(name, part);
    await mkdir(folder, { recursive: true }).catch((error: unknown) => {
      throw failed(folder, 'create', error);
    });
    return withFileLock(`${path}.lock`, clock, async () => {
      const { kept, result } = change(await load(path));
      if (kept)
        await replace(path, JSON.stringify(kept, undefined, 2)).catch((error: unknown) => {
          throw failed(folder, 'write', error);
        });
      return result;
    }).catch((error: unknown) => {
      // Of the lock itself.
      throw VStreamError.is(error) ? error : failed(folder, 'write', error);
    });
  };

  return {
    description: folder,
    async prepare() {
      await mkdir(folder, { recursive: true }).catch((error: unknown) => {
        throw failed(folder, 'create', error);
      });
      const probe = join(folder, `.probe-${randomUUID()}`);
      await replace(probe, '').catch((error: unknown) => {
        throw failed(folder, 'write', error);
      });
      await rm(probe, { force: true });
    },
    async read(name, part = '') {
      const kept = await load(pathOf(name, part));
      return kept && readRecord(kept, clock.now());
    },
    async list() {
      let names: string[];
      try {
        names = await readdir(folder);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw failed(folder, 'read', error);
      }
      const records = await Promise.all(
        names
          .filter((one) => one.endsWith('.json'))
          .sort()
          .map((one) => load(join(folder, one))),
      );
      return records.filter((one) => one !== undefined).map((kept) => readRecord(kept, clock.now()));
    },
    claim: (name, owner, leaseMs, part = '') =>
      transact(name, part, (found) => {
        const kept = found ?? newRecord(name, part, randomUUID(), clock.now());
        return { kept, result: claimRecord(kept, owner, leaseMs, clock.now()) };
      }),
    write: (claim, patch, leaseMs) =>
      transact(claim.name, claim.part, (kept) => ({ kept, result: writeRecord(kept, claim, patch, leaseMs, clock.now()) })),
    release: (claim) => transact(claim.name, claim.part, (kept) => ({ kept, result: releaseRecord(kept, claim, clock.now()) })),
    request: (name, request, part = '') =>
      transact(name, part, (kept) => ({ kept, result: requestRecord(kept, name, request, clock.now()) })),
    reset: (name, position, part = '') =>
      transact(name, part, (found) => {
        if (!found && position === undefined) throw notFound(name);
        const kept = found ?? newRecord(name, part, randomUUID(), clock.now());
        return { kept, result: resetRecord(kept, position, randomUUID(), clock.now()) };
      }),
    async close() {},
  };
}

/** What a file system takes is 255 bytes, with what locks and unfinished files add. */
const LONGEST = 160;

/** Any name becomes one file name; two names never the same one. */
function fileName(name: string, part: string): string {
  const safe = (text: string): string => encodeURIComponent(text).replace(/[*.]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
  const stem = part === '' ? safe(name) : `${safe(name)}.${safe(part)}`;
  if (stem.length <= LONGEST) return `${stem}.json`;
  // No escaped name holds a plus sign.
  return `${stem.slice(0, LONGEST / 2)}+${createHash('sha256').update(stem).digest('hex').slice(0, 32)}.json`;
}

async function replace(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(fresh, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/** What may pass while a stream runs: room is made, a share comes back. */
const PASSING: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EAGAIN', 'EMFILE', 'ENFILE', 'ESTALE', 'ETIMEDOUT']);

function failed(folder: string, verb: string, error: unknown): VStreamError {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  const passing = PASSING.has(reason);
  const full = reason === 'ENOSPC' || reason === 'EDQUOT' ? ' (the disk is full)' : '';
  return new VStreamError('STATE_FAILED', `cannot ${verb} the state in ${folder}: ${reason}${full}`, {
    ...(passing ? { category: 'retry' as const } : {}),
    next: full === '' ? 'Check the path, its permissions and its disk.' : 'Make room on that disk.',
    cause: error,
  });
}
