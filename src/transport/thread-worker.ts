/** The file the thread of `source.socket: 'thread'` runs. Layer 2; loaded by thread-handle.ts only, never imported. */
import { parentPort, workerData } from 'node:worker_threads';
import { hostOf } from './thread-host.js';
import type { ThreadData } from './thread-messages.js';

hostOf(parentPort, workerData as ThreadData);
