/** A short exclusive section between processes of one machine: a file that exists while it is held. Layer 3. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { VStreamError } from '../errors.js';
import { delay, type Clock } from '../internal/clock.js';

/** The section takes milliseconds; who waits longer than this gives up. */
const PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 5;

/**
 * @throws VStreamError `STATE_FAILED` (category `retry`) when a living process holds the lock for long. A lock left by a dead
 * process of this machine is taken over; one of another machine never is: it cannot be known whether that process lives.
 */
export async function withFileLock<T>(path: string, clock: Clock, section: () => Promise<T>): Promise<T> {
  const token = `${hostname()}\n${process.pid}\n${randomUUID()}`;
  const until = clock.monotonic() + PATIENCE_MS;
  while (!(await take(path, token))) {
    if (!(await takeFromDead(path)) && clock.monotonic() >= until) {
      throw new VStreamError('STATE_FAILED', `the state file is locked by another process: ${path}`, {
        category: 'retry',
        next: 'If no process uses it, remove that file.',
      });
    }
    await delay(clock, LOOK_AGAIN_MS);
  }
  try {
    return await section();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string, token: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    await file.writeFile(token);
    return true;
  } catch (error) {
    // A full disk makes the file and not its content: nobody would ever know that its owner is gone.
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/**
 * Removes the lock of a dead process. Two may find it dead at once: a lock on the removal keeps the second one from removing
 * what the first one took meanwhile. Returns true when the lock may be free now.
 */
async function takeFromDead(path: string): Promise<boolean> {
  if (!(await isHeldByDead(path))) return false;
  const removal = `${path}.removal`;
  if (!(await take(removal, `${hostname()}\n${process.pid}\n`))) {
    // Who removes can die as well; the file is then left over.
    if (await isHeldByDead(removal)) await rm(removal, { force: true });
    return false;
  }
  try {
    if (await isHeldByDead(path)) await rm(path, { force: true });
    return true;
  } finally {
    await rm(removal, { force: true });
  }
}

async function isHeldByDead(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const [host, pid] = text.split('\n');
  // Empty for an instant after its creation: its writer lives.
  if (host !== hostname() || pid === undefined || !/^\d+$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
