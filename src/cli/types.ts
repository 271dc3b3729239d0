/** `vstream types`: a TypeScript file from the live schema. */
import { VStreamError } from '../errors.js';
import type { Session } from './session.js';

export async function types(_session: Session, _values: Readonly<Record<string, unknown>>): Promise<number> {
  throw new VStreamError('INTERNAL', 'not wired yet');
}
