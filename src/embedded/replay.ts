/** Serves a recording (`NAME.frames`: messages, each behind its length as a varint) as one VStream. */
import { StreamFailure } from './shard-run.js';
import type { Wire } from './stream.js';

export interface Replay {
  /** Contents of a `.frames` file, or the messages. */
  frames: Uint8Array | readonly Uint8Array[];
  /** How the stream ends; default: it stays open, as a recording the client cancelled. */
  end?: 'ok' | 'open' | { code: number; details: string };
  /** Called before each message; to hold a replay at a point. */
  before?: (index: number) => Promise<void> | void;
}

export function* splitFrames(bytes: Uint8Array): IterableIterator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at] as number;
      at += 1;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (at + length > bytes.length) throw new Error('embedded replay: the recording ends inside a message');
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

/** Resolves with the failure to end with, or undefined to end normally; never when the stream stays open. */
export async function serveReplay(replay: Replay, wire: Wire): Promise<StreamFailure | undefined> {
  let index = 0;
  for (const frame of replay.frames instanceof Uint8Array ? splitFrames(replay.frames) : replay.frames) {
    await replay.before?.(index);
    index += 1;
    if (!wire.write(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength))) await wire.drained();
  }
  const end = replay.end ?? 'open';
  if (end === 'open') return new Promise(() => {});
  return end === 'ok' ? undefined : new StreamFailure(end.code, end.details);
}
