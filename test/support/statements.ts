/** Every statement of the client once, with what its answer must look like: run on the embedded and on a real VTGate. */
import { expect, test } from 'vitest';
import { countGtids, parseGtidSet } from '../../src/position/gtid.js';
import { selectServerGtids, showExecutedGtids } from '../../src/sql/gtids.js';
import {
  createLetterTable,
  deleteLetter,
  insertLetters,
  type NewLetterRow,
  selectLetterBody,
  selectLetterHeads,
  settleLetter,
} from '../../src/sql/letter-table.js';
import { readNothing } from '../../src/sql/moved.js';
import { runStatement, type Executor } from '../../src/sql/statement.js';
import { selectColumns, selectForeignKeys, selectPrimaryKeys, selectTableRows, selectTables } from '../../src/sql/tables.js';
import { showThrottledApps, showThrottlerStatus } from '../../src/sql/throttler.js';
import { showKeyspaces, showShards, showTablets, showVSchemaKeyspaces } from '../../src/sql/topology.js';
import { selectBinlogSettings } from '../../src/sql/variables.js';

const size = (set: string): bigint => countGtids(parseGtidSet(set) ?? new Map());

/**
 * The cluster has the keyspaces `commerce` (one shard `0`; table `product` with key `sku` and `orders`, no foreign keys) and
 * `sharded` (`-80` and `80-`), and `vstream`, where a table is made and dropped again.
 */
export function statementTests(executor: () => Executor): void {
  const run = <T>(statement: Parameters<typeof runStatement<T>>[1]): Promise<T> => runStatement<T>(executor(), statement);

  test('show vitess_shards, for each tablet type', async () => {
    for (const type of ['primary', 'replica'] as const) {
      const shards = (await run(showShards(type))).map(({ keyspace, shard }) => `${keyspace}/${shard}`);
      expect(shards).toEqual(expect.arrayContaining(['commerce/0', 'sharded/-80', 'sharded/80-']));
    }
  });

  test('show vitess_tablets', async () => {
    const tablets = await run(showTablets());
    expect(tablets).toContainEqual(
      expect.objectContaining({
        keyspace: 'sharded',
        shard: '80-',
        type: 'primary',
        serving: true,
        alias: expect.stringMatching(/-\d+$/) as string,
      }),
    );
    expect(tablets).toContainEqual(expect.objectContaining({ keyspace: 'commerce', shard: '0', type: 'replica', serving: true }));
  });

  test('show keyspaces, and as routed', async () => {
    expect(await run(showKeyspaces())).toEqual(expect.arrayContaining(['commerce', 'sharded']));
    const routed = await run(showVSchemaKeyspaces());
    expect(routed).toContainEqual({ keyspace: 'commerce', sharded: false });
    expect(routed).toContainEqual({ keyspace: 'sharded', sharded: true });
  });

  test('what the throttler says of a shard', async () => {
    expect((await run(showThrottlerStatus('sharded', '80-'))).threshold).toBeGreaterThan(0);
    const apps = await run(showThrottledApps('sharded', '80-'));
    expect(apps).toContainEqual({ app: 'always-throttled-app', ratio: 1, expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\d /) as string });
  });
  test('tables of which nothing is read, and one that is not there', async () => {
    await run(readNothing('commerce', '0', ['product', 'orders']));
    await expect(run(readNothing('commerce', '0', ['product', 'not_there']))).rejects.toThrow(/doesn't exist/);
  });

  test('GTID sets of a shard, on each tablet type', async () => {
    for (const type of ['primary', 'replica'] as const) {
      const { purged, executed } = await run(selectServerGtids('sharded', '-80', type));
      expect(size(executed)).toBeGreaterThan(0n);
      expect(size(executed)).toBeGreaterThanOrEqual(size(purged));
    }
  });

  test('executed sets of all shards of a keyspace', async () => {
    const shards = await run(showExecutedGtids('sharded'));
    expect(shards.map(({ shard }) => shard).sort()).toEqual(['-80', '80-']);
    for (const { executed } of shards) expect(size(executed)).toBeGreaterThan(0n);
  });

  test('settings of the binary log', async () => {
    const settings = await run(selectBinlogSettings('commerce', '0', 'replica'));
    expect(settings).toMatchObject({
      rowImage: expect.stringMatching(/^(FULL|NOBLOB)$/) as string,
      rowMetadata: expect.stringMatching(/^(FULL|MINIMAL)$/) as string,
    });
    expect(settings.expireSeconds).toBeGreaterThanOrEqual(0n);
  });

  test('tables, columns and keys of a keyspace', async () => {
    expect(await run(selectTables('commerce'))).toEqual(expect.arrayContaining(['orders', 'product']));
    expect(await run(selectTables('sharded'))).not.toContain('product');
    const columns = await run(selectColumns('commerce'));
    expect(columns).toContainEqual(
      expect.objectContaining({ table: 'product', name: 'sku', type: 'varbinary(128)', nullable: false, position: 1 }),
    );
    expect(columns).toContainEqual(
      expect.objectContaining({ table: 'orders', name: 'note', type: 'varchar(255)', nullable: true, charset: 'utf8mb4' }),
    );
    expect(await run(selectPrimaryKeys('commerce'))).toContainEqual({ table: 'product', column: 'sku', position: 1 });
    expect(await run(selectForeignKeys('commerce'))).toEqual([]);
  });

  test('estimated rows of a shard', async () => {
    const rows = await run(selectTableRows('sharded', '80-'));
    expect(rows).toContainEqual({ table: 'orders', rows: expect.any(BigInt) as bigint });
  });
  test('dead letters: stored once, read in pages, settled once, removed', async () => {
    const at = { keyspace: 'vstream', table: `letters_${process.pid}` };
    await run(createLetterTable(at));
    try {
      await run(createLetterTable(at));
      const bytes = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
      const letter: NewLetterRow = {
        id: 'a',
        incarnation: 'first',
        keyspace: 'commerce',
        shard: '-80',
        table: 'odd `name`',
        op: 'insert',
        gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:5',
        ordinal: 0n,
        generation: 1n,
        reshards: 0n,
        transactions: 9_007_199_254_740_993n,
        code: 'DECODE_FAILED',
        column: 'note',
        reason: "it's \\ ü 𝄞",
        before: undefined,
        after: bytes,
        field: bytes.subarray(0, 3),
        details: '{"phase":"live"}',
      };
      const copied = { ...letter, id: 'b', op: 'copy', gtid: undefined, column: undefined };
      expect(await run(insertLetters(at, 's', [letter, copied]))).toBe(2n);
      expect(
        await run(
          insertLetters(at, 's', [
            { ...letter, reason: 'again' },
            { ...copied, id: 'c' },
          ]),
        ),
      ).toBe(1n);
      await run(insertLetters(at, 't', [letter]));
      // What does not fit is an error, never cut.
      await expect(run(insertLetters(at, 's', [{ ...letter, id: 'd', op: 'x'.repeat(17) }]))).rejects.toThrow('Data too long');

      const all = await run(selectLetterHeads(at, '', '', 10));
      expect(all.map(({ stream, id }) => stream + id)).toEqual(['sa', 'sb', 'sc', 'ta']);
      const { before: _before, after: _after, field: _field, details: _details, ...head } = letter;
      const storedAt = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/) as string;
      expect(all[0]).toEqual({ ...head, stream: 's', storedAt, doneAt: undefined, how: undefined });
      expect(all[1]).toMatchObject({ gtid: undefined, column: undefined });
      expect((await run(selectLetterHeads(at, 's', 'a', 2))).map(({ stream, id }) => stream + id)).toEqual(['sb', 'sc']);

      const body = await run(selectLetterBody(at, 's', 'a'));
      expect([body?.before, Buffer.from(body?.after ?? []), Buffer.from(body?.field ?? []), body?.details]).toEqual([
        undefined,
        Buffer.from(bytes),
        Buffer.from([0, 1, 2]),
        letter.details,
      ]);
      expect(await run(selectLetterBody(at, 's', 'nobody'))).toBeUndefined();

      expect(await run(settleLetter(at, 's', 'a', 'replayed'))).toBe(1n);
      expect(await run(settleLetter(at, 's', 'a', 'superseded'))).toBe(0n);
      expect(await run(insertLetters(at, 's', [letter]))).toBe(0n);
      expect((await run(selectLetterHeads(at, '', '', 1)))[0]).toMatchObject({ id: 'a', how: 'replayed', doneAt: storedAt });
      expect(await run(deleteLetter(at, 's', 'a'))).toBe(1n);
      expect(await run(deleteLetter(at, 's', 'a'))).toBe(0n);
    } finally {
      await executor().execute({ target: 'vstream@primary', text: `drop table ${at.table}` });
    }
  });
}
