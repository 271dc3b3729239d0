import { expect, test } from 'vitest';
import { suggest } from './suggest.js';

const known = ['source', 'tables', 'from', 'until', 'tabletType', 'maxStreamAge'];

test.each([
  ['sorce', 'source'],
  ['tabels', 'tables'],
  ['form', 'from'],
  ['tablet-type', 'tabletType'],
  ['MAX_STREAM_AGE', 'maxStreamAge'],
])('%s is taken for %s', (written, meant) => expect(suggest(written, known)).toBe(meant));

test.each(['password', 'x', '', 'to'])('%o is not taken for anything', (written) => expect(suggest(written, known)).toBeUndefined());
