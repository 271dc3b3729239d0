import { describe, expect, test } from 'vitest';
import { recordings } from '../../test/captures/load.js';
import { compareWithEngine } from '../../test/support/oracle.js';
import { HINTS } from '../../test/support/oracle-hints.js';
import { NOT_REPRODUCED } from '../../test/support/not-reproduced.js';

const names = recordings().filter((name) => /^(copy|shapes|topology|values)\//.test(name));

describe('the engine sends what a real VTGate sent', () => {
  test.each(names.filter((name) => !(name in NOT_REPRODUCED)))('%s', async (name) => {
    const { expected, actual } = await compareWithEngine(name, HINTS[name]);
    for (const place of new Set([...Object.keys(expected.streams), ...Object.keys(actual.streams)])) {
      const [want = [], got = []] = [expected.streams[place], actual.streams[place]];
      const at = want.findIndex((line, index) => line !== got[index]);
      if (at < 0 && want.length === got.length) continue;
      // The first line that differs says more than two streams of megabytes.
      expect({ place, at, line: got[at]?.slice(0, 900), length: got.length }).toEqual({
        place,
        at,
        line: want[at]?.slice(0, 900),
        length: want.length,
      });
    }
    expect(actual.end).toBe(expected.end);
  });

  test('the list of recordings it cannot reproduce names only recordings, and only shrinks', () => {
    expect(Object.keys(NOT_REPRODUCED).filter((name) => !names.includes(name))).toEqual([]);
    expect(Object.keys(NOT_REPRODUCED)).toHaveLength(0);
  });

  test.each(['copy/full-copy', 'copy/resume-mid-second-table', 'shapes/big-tx'])(
    'messages are cut where a tablet cuts them: %s',
    async (name) => {
      const { expected, actual } = await compareWithEngine(name, HINTS[name]);
      expect(actual.messages).toEqual(expected.messages);
    },
  );
});
