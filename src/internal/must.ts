/** Asserts what the code around it guarantees; a failure is a bug of ours. Layer 0. */
import { VStreamError } from '../errors.js';

export function must<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) {
    throw new VStreamError('INTERNAL', `expected ${what} to be there`, { next: 'Report this as a bug of vstream-client.' });
  }
  return value;
}
