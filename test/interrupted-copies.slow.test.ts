/** As interrupted-copies.test.ts, with the other kinds of keys. */
import { keepsDeletes } from './support/killed-copy.js';

keepsDeletes('varchar');
keepsDeletes('composite');
