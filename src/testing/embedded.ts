/** The way to the embedded VTGate that loads it, and gRPC with it, at the first start. Layer 6. */
import type { EmbeddedOptions, EmbeddedVtgate } from '../embedded/server.js';

/**
 * Starts a VTGate in this process: real gRPC on a free port of 127.0.0.1, in front of an engine of keyspaces, shards and tables in
 * memory. It copies, streams, resumes, sends heartbeats and answers SQL as recordings of a real one do, and goes wrong on request
 * (`faults`). Close it, or declare it with `await using`.
 */
export async function startEmbeddedVtgate(options: EmbeddedOptions = {}): Promise<EmbeddedVtgate> {
  const { startEmbeddedVtgate: start } = await import('../embedded/server.js');
  return start(options);
}
