/** One owner, proven with real processes (issue: never lose a change): a standby, a killed owner, an owner that slept through its lease. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedVtgate, startEmbeddedVtgate } from '../../src/embedded/index.js';
import { type SinkServer, startSinkServer } from '../../src/testing/sink-server.js';
import { Child } from './child.js';
import { HeldClock } from './held-clock.js';

const LEASE_MS = 1_000;
const ITEMS = { keyspace: 'shop', table: 'item' };

let clock: HeldClock;
let vtgate: EmbeddedVtgate;
let sink: SinkServer;
let folder: string;
const children: Child[] = [];

beforeEach(async () => {
  clock = new HeldClock();
  const columns = [
    { name: 'id', type: 'bigint', key: true },
    { name: 'name', type: 'varchar(20)' },
  ];
  const rows = Array.from({ length: 10 }, (_, id) => ({ id, name: `item ${id}` }));
  vtgate = await startEmbeddedVtgate({ clock, keyspaces: { vstream: {}, shop: { tables: { item: { columns, rows } } } } });
  sink = await startSinkServer();
  folder = await mkdtemp(join(tmpdir(), 'vstream-owner-'));
  await writeFile(ahead(), '0');
});

afterEach(async () => {
  for (const child of children.splice(0)) await child[Symbol.asyncDispose]();
  await sink.close();
  await vtgate.close();
  await rm(folder, { recursive: true });
});

/** How far the clock of a process that was given this file is ahead. */
const ahead = (): string => join(folder, 'ahead');

interface Start {
  readonly gate?: boolean;
  /** Its clock is the one that `ahead()` moves. */
  readonly moved?: boolean;
  readonly until?: string;
  readonly wait?: boolean;
}

function start({ gate = false, moved = false, ...options }: Start = {}): Child {
  const child = new Child({
    signals: true,
    source: { vtgate: vtgate.address, keyspace: 'shop' },
    state: { keyspace: 'vstream', table: 'streams' },
    sink: sink.address,
    gate,
    ...(moved ? { ahead: ahead() } : {}),
    options: { name: 'items', lease: `${LEASE_MS}ms`, ...options },
  });
  children.push(child);
  return child;
}

const insert = (id: number): void =>
  void vtgate.engine.transaction('shop', '0', [{ op: 'insert', table: 'item', row: { id, name: `new ${id}` } }]);
const stateRow = (): object | undefined => vtgate.engine.rows('vstream', 'streams')[0];
const copyOf = (row: object | undefined): object => structuredClone(row ?? {});
const writesOf = (epoch: bigint) => sink.audit.filter((one) => one.epoch === epoch && one.method !== 'open');

describe('a second process on the same stream', () => {
  test('waits as standby, saying for whom, and takes over once the owner released', async () => {
    const owner = start();
    await owner.until('applied');
    const standby = start({ until: 'now' });
    expect((await standby.until('waiting'))['waiting']).toMatch(new RegExp(`^waiting for \\S+:${owner.pid}, lease ends in \\d+ s$`));
    insert(100);
    owner.kill('SIGTERM');
    await standby.until('finished');
    expect(sink.rows(ITEMS)).toHaveLength(11);
    expect(sink.audit.every((one) => one.refused === undefined)).toBe(true);
  });

  test('takes over from a killed owner when its lease is over, and not before', async () => {
    const owner = start();
    await owner.until('applied');
    const standby = start({ until: 'now' });
    await standby.until('waiting');
    owner.kill('SIGKILL');
    await owner.exited;
    insert(100);
    // The lease lasts as long as the database's clock stands still, whatever the processes' own clocks say.
    expect(standby.said.some((one) => 'opened' in one)).toBe(false);
    clock.advance(LEASE_MS + 1);
    expect(await standby.until('opened')).toEqual({ opened: '2' });
    await standby.until('finished');
    expect(sink.rows(ITEMS)).toHaveLength(11);
    expect(sink.stored('items')?.epoch).toBe(2n);
  });

  test('without waiting, fails with LEASE_HELD, the holder and the next step', async () => {
    const owner = start();
    await owner.until('applied');
    const second = start({ wait: false });
    const { failed } = await second.until('failed');
    expect(failed).toMatchObject({
      code: 'LEASE_HELD',
      message: expect.stringContaining(String(owner.pid)) as string,
      next: expect.any(String) as string,
    });
    expect(await second.exited).toEqual({ code: 0, signal: null });
  });
});

describe('an owner stopped longer than its lease', () => {
  test('begins no write when it wakes up, at the sink or in the state, though rows wait in its socket', async () => {
    const sleeper = start({ moved: true });
    for (let nth = 1; (await sleeper.until('applied', nth))['applied'] !== 'copy-completed'; nth++);
    sleeper.kill('SIGSTOP');
    clock.advance(LEASE_MS + 1);
    for (let id = 100; id < 110; id++) insert(id);
    const successor = start({ until: 'now' });
    await successor.until('finished');
    await successor.exited;
    const [state, rows, audit, begun] = [copyOf(stateRow()), sink.rows(ITEMS), sink.audit.length, sleeper.count('applying')];
    // An owner counts its lease on the clock of its own machine.
    await writeFile(ahead(), String(LEASE_MS + 1));
    sleeper.kill('SIGCONT');
    expect((await sleeper.until('failed'))['failed']).toMatchObject({ code: 'FENCED' });
    await sleeper.exited;
    expect(sleeper.count('applying')).toBe(begun);
    expect(sink.audit).toHaveLength(audit);
    expect(sink.rows(ITEMS)).toEqual(rows);
    expect(rows).toHaveLength(20);
    expect(stateRow()).toEqual(state);
  });

  test('between its check of the lease and its write, is refused by the sink', async () => {
    const sleeper = start({ gate: true });
    // It has found its lease valid and is about to write: from here on only the sink can hold it back.
    await sleeper.until('applying');
    sleeper.kill('SIGSTOP');
    clock.advance(LEASE_MS + 1);
    const successor = start({ until: 'now' });
    await successor.until('finished');
    await successor.exited;
    const [state, rows] = [copyOf(stateRow()), sink.rows(ITEMS)];
    expect(writesOf(1n)).toEqual([]);
    sleeper.say('open');
    sleeper.kill('SIGCONT');
    expect((await sleeper.until('failed'))['failed']).toMatchObject({ code: 'FENCED' });
    await sleeper.exited;
    expect(new Set(writesOf(1n).map((one) => one.refused))).toEqual(new Set(['FENCED']));
    expect(stateRow()).toEqual(state);
    expect(sink.rows(ITEMS)).toEqual(rows);
    expect(rows).toHaveLength(10);
  });

  test('whose stream nobody took, goes on', async () => {
    const sleeper = start();
    await sleeper.until('applied');
    sleeper.kill('SIGSTOP');
    clock.advance(LEASE_MS + 1);
    insert(100);
    sleeper.kill('SIGCONT');
    const rows = async (): Promise<number> => {
      await sleeper.until('applied', sleeper.said.filter((one) => 'applied' in one).length + 1);
      return sink.rows(ITEMS).length;
    };
    while ((await rows()) < 11);
    expect(sink.audit.every((one) => one.refused === undefined && one.epoch === 1n)).toBe(true);
  });
});
