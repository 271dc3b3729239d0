import { expect, test } from 'vitest';
import { holdingRule, type ThrottleRule } from './throttled.js';

const rule = (app: string, ratio = 1): ThrottleRule => ({ app, ratio, expiresAt: '2036-11-19 21:32:46' });

test.each<[string, readonly ThrottleRule[], string | undefined]>([
  ['none at all', [], undefined],
  ['the rule that is there for tests of Vitess', [rule('always-throttled-app')], undefined],
  ['other applications', [rule('online-ddl'), rule('vreplication')], undefined],
  ['reading binary logs', [rule('online-ddl'), rule('vstreamer', 0.5)], 'vstreamer'],
  ['copies', [rule('rowstreamer')], 'rowstreamer'],
  ['all of them', [rule('all')], 'all'],
  ['all but copies', [rule('all'), rule('rowstreamer', 0)], 'all'],
  ['all but streams', [rule('all'), rule('rowstreamer', 0), rule('vstreamer', 0)], undefined],
  ['nothing of what it names', [rule('vstreamer', 0)], undefined],
])('a throttler that holds back %s', (_, rules, expected) => {
  expect(holdingRule(rules)?.app).toBe(expected);
});
