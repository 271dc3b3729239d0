/** The JSONL sink: a log of changes in a file or a stream, at least once. Layer 5. */
import { open, type FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { VStreamError } from '../../errors.js';
import type { ApplyContext, Sink, SinkCapabilities, SinkOpenContext } from '../../pipeline/sink.js';
import type { Batch, SchemaChange } from '../../stream/change.js';
import { formatChange, formatSchema } from './format.js';

/** Where lines go. `write` resolves once they are safe. */
interface Output {
  write(lines: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export class JsonlSink implements Sink {
  readonly capabilities: SinkCapabilities = { position: 'external', deletes: false, sweep: false, schema: 'evolve', input: 'objects' };
  readonly #target: { readonly path: string; readonly fsync: boolean } | { readonly stream: Writable };
  #output: Output | undefined;

  constructor(target: { readonly path: string; readonly fsync: boolean } | { readonly stream: Writable }) {
    this.#target = target;
  }

  async open(context: SinkOpenContext): Promise<void> {
    const target = this.#target;
    this.#output = 'path' in target ? await openFile(target.path, target.fsync, context) : new StreamOutput(target.stream);
  }

  async schema(change: SchemaChange, context: ApplyContext): Promise<void> {
    await this.#write(`${formatSchema(change)}\n`, context);
  }

  async apply(batch: Batch, context: ApplyContext): Promise<void> {
    // Schema lines were written by `schema`, before the rows; a truncate goes to sinks as a call this one does not have.
    if (batch.schema?.kind === 'truncate') await this.#write(`${formatSchema(batch.schema, batch.position)}\n`, context);
    if (batch.changes.length === 0) return;
    let lines = '';
    const last = batch.changes.length - 1;
    for (const [index, change] of batch.changes.entries())
      lines += `${formatChange(change, index === last ? batch.position : undefined)}\n`;
    await this.#write(lines, context);
  }

  async close(): Promise<void> {
    const output = this.#output;
    this.#output = undefined;
    await output?.close();
  }

  async #write(lines: string, { signal }: ApplyContext): Promise<void> {
    if (!this.#output) throw new VStreamError('INTERNAL', 'the JSONL sink is not open');
    if (signal.aborted) throw new VStreamError('ABORTED', 'writing JSON lines was aborted', { cause: signal.reason });
    await this.#output.write(lines, signal);
  }
}

async function openFile(path: string, fsync: boolean, { logger }: SinkOpenContext): Promise<FileOutput> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'a+');
    const size = await endOfLines(file);
    const torn = (await file.stat()).size - size;
    if (torn > 0) {
      logger.warn({ path, bytes: torn }, `cut an unfinished last line of ${torn} bytes off ${path}; its change comes again`);
      await file.truncate(size);
    }
    return new FileOutput(path, file, size, fsync);
  } catch (cause) {
    await file?.close();
    throw new VStreamError('SINK_FAILED', `the file ${path} cannot be opened for writing: ${textOf(cause)}`, {
      next: 'Correct the path, or the rights of the file and its folder.',
      cause,
    });
  }
}

/** The offset after the last line break; a crash may have left half a line behind it. */
async function endOfLines(file: FileHandle): Promise<number> {
  const block = Buffer.alloc(65_536);
  let end = (await file.stat()).size;
  while (end > 0) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const at = block.subarray(0, bytesRead).lastIndexOf(10);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

const PASSING: readonly string[] = ['ENOSPC', 'EDQUOT', 'EIO', 'EAGAIN', 'ETIMEDOUT'];

class FileOutput implements Output {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #fsync: boolean;
  #size: number;

  constructor(path: string, file: FileHandle, size: number, fsync: boolean) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.#fsync = fsync;
  }

  async write(lines: string): Promise<void> {
    const bytes = Buffer.from(lines, 'utf8');
    try {
      await this.#file.appendFile(bytes);
      if (this.#fsync) await this.#file.datasync();
      this.#size += bytes.length;
    } catch (cause) {
      // A full disk leaves part of the batch: what is in the file must be whole batches.
      await this.#file.truncate(this.#size).catch(() => {});
      throw new VStreamError('SINK_FAILED', `the file ${this.#path} cannot be written: ${textOf(cause)}`, {
        // Room may be made: the batch is tried again before the stream ends.
        category: PASSING.includes((cause as { code?: string }).code ?? '') ? 'retry' : undefined,
        next: 'Nothing of the batch was kept; make room or correct the rights, and start again.',
        cause,
      });
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** A stream of the caller's: safe means taken, the caller answers for the rest. It is not ended here. */
class StreamOutput implements Output {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  async write(lines: string, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(new VStreamError('ABORTED', 'writing JSON lines was aborted', { cause: signal.reason }));
      const onError = (cause: Error): void => reject(failed(cause));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#stream.once('error', onError);
      this.#stream.write(lines, (cause) => {
        signal.removeEventListener('abort', onAbort);
        // The error event comes after this callback; without a listener it would end the process.
        if (cause) reject(failed(cause));
        else {
          this.#stream.off('error', onError);
          resolve();
        }
      });
    });
  }

  async close(): Promise<void> {}
}

function failed(cause: Error): VStreamError {
  return new VStreamError('SINK_FAILED', `the stream for JSON lines failed: ${textOf(cause)}`, {
    next: 'Check what reads the stream.',
    cause,
  });
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
