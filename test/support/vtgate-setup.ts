/** Before all tests on a real Vitess: the one of VSTREAM_TEST_VTGATE, or one started from VTROOT for as long as they run. */
import { startVttestserver } from './vttestserver.js';

export async function setup(): Promise<(() => Promise<void>) | undefined> {
  const { VSTREAM_TEST_VTGATE: given, VTROOT: root } = process.env;
  if (given !== undefined) return undefined;
  if (root === undefined) throw new Error('tests on a real Vitess need its address in VSTREAM_TEST_VTGATE, or its programs under VTROOT');
  const server = await startVttestserver(root);
  process.env['VSTREAM_TEST_VTGATE'] = server.address;
  return () => server.close();
}
