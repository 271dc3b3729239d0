/**
 * The socket clients connect to, in front of the gRPC server's own. Passing bytes through a pipe of ours is what makes cuts in
 * the middle of a frame, black holes and slow links possible without touching HTTP/2.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Link {
  client: Socket;
  upstream: Socket;
}

export class Gate {
  #server: Server;
  #target: number;
  #links = new Set<Link>();
  #holes = 0;
  #refusing = 0;
  #cutNext = false;
  #slow: { bytes: number; everyMs: number } | undefined;
  #idle: (() => void)[] = [];
  #silenceMs: number | undefined;

  /** @param silenceMs a client is cut off that sends nothing, not even answers to pings, for this long; default: never */
  constructor(target: number, silenceMs?: number) {
    this.#target = target;
    this.#silenceMs = silenceMs;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Resolves when no client is connected. */
  async idle(): Promise<void> {
    if (this.#links.size === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  cut(): void {
    for (const link of this.#links) this.#drop(link);
  }

  cutMidFrame(): void {
    this.#cutNext = true;
  }

  refuse(): () => void {
    this.#refusing += 1;
    return () => {
      this.#refusing -= 1;
    };
  }

  blackHole(): () => void {
    this.#holes += 1;
    for (const { client, upstream } of this.#links) {
      client.pause();
      upstream.pause();
    }
    return () => {
      this.#holes -= 1;
      if (this.#holes > 0) return;
      for (const { client, upstream } of this.#links) {
        client.resume();
        upstream.resume();
      }
    };
  }

  slow(bytes: number, everyMs: number): () => void {
    this.#slow = { bytes, everyMs };
    return () => {
      this.#slow = undefined;
    };
  }

  #accept(client: Socket): void {
    if (this.#refusing > 0) {
      client.destroy();
      return;
    }
    const upstream = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    const link = { client, upstream };
    this.#links.add(link);
    const drop = (): void => this.#drop(link);
    client.on('error', drop).on('close', drop);
    upstream.on('error', drop).on('close', drop);
    client.on('data', (chunk) => pass(chunk, client, upstream));
    upstream.on('data', (chunk) => this.#fromServer(chunk, link));
    if (this.#silenceMs !== undefined) {
      const silence = setTimeout(drop, this.#silenceMs);
      client.on('data', () => silence.refresh()).on('close', () => clearTimeout(silence));
    }
    if (this.#holes > 0) {
      client.pause();
      upstream.pause();
    }
  }

  #fromServer(chunk: Buffer, link: Link): void {
    if (this.#cutNext && chunk.length > 20) {
      this.#cutNext = false;
      // Past the nine bytes of a frame's head: the client waits for a body that never comes.
      link.client.write(chunk.subarray(0, Math.max(12, chunk.length >> 1)), () => this.cut());
      return;
    }
    if (this.#slow) void this.#trickle(chunk, link, this.#slow);
    else pass(chunk, link.upstream, link.client);
  }

  async #trickle(chunk: Buffer, link: Link, { bytes, everyMs }: { bytes: number; everyMs: number }): Promise<void> {
    link.upstream.pause();
    for (let at = 0; at < chunk.length && !link.client.destroyed; at += bytes) {
      link.client.write(chunk.subarray(at, at + bytes));
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
    if (this.#holes === 0) link.upstream.resume();
  }

  #drop(link: Link): void {
    link.client.destroy();
    link.upstream.destroy();
    if (!this.#links.delete(link) || this.#links.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function pass(chunk: Buffer, from: Socket, to: Socket): void {
  if (to.write(chunk)) return;
  from.pause();
  to.once('drain', () => from.resume());
}
