/** What recordings do not say about themselves: statements whose changes the stream dropped, tables it never showed. */
import type { Hints } from './oracle.js';

const PRODUCT = [
  { name: 'sku', type: 'varchar(64)', key: true },
  { name: 'description', type: 'varchar(200)' },
  { name: 'price', type: 'bigint' },
];
const JOURNALS: Hints = { journalsOf: 'topology/reshard-journal-events' };

export const HINTS: Record<string, Hints> = {
  'copy/two-keyspace-copy': {
    tables: { 'commerce/product': PRODUCT, 'customer/customer': [{ name: 'customer_id', type: 'bigint', key: true }] },
    options: {
      keyspaces: {
        commerce: { tables: { product: { columns: PRODUCT } } },
        customer: { shards: ['-80', '80-'], tables: { customer: { columns: [{ name: 'customer_id', type: 'bigint', key: true }] } } },
      },
    },
  },
  'shapes/where-and-truncate': {
    rows: { 'customer/-80/tc': [{ id: 1, k: 1, pad: 'x' }] },
    hidden: { ':4865': [{ op: 'update', table: 'tc', where: { id: 1 }, set: { pad: 'a' } }] },
  },
  'shapes/noblob-partial-json': { options: { rowImage: 'noblob', partialJson: true } },
  'shapes/partial-json-corpus': { options: { rowImage: 'noblob', partialJson: true } },
  'shapes/partial-json-server-panic': { options: { rowImage: 'noblob', partialJson: true } },
  'topology/reshard-default': JOURNALS,
  'topology/reshard-whole-keyspace': JOURNALS,
  'topology/reshard-one-source-only': JOURNALS,
  'topology/reverse-one-target-default': { journalsOf: 'topology/reverse-one-target-stop-journal' },
};
