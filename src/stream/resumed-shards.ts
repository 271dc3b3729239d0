/** The shards a stream goes on with: those of its position, held against those that are selected now. Pure. Layer 3. */
import { VStreamError } from '../errors.js';
import { shardsCover } from '../position/keyrange.js';
import type { ShardName } from '../sql/topology.js';

export interface SelectedShards {
  /** Of the selected keyspaces, and of `source.shards` where that is given; each keyspace has at least one. */
  readonly shards: readonly ShardName[];
  /** True: `source.shards` chose them. */
  readonly named: boolean;
}

export interface ResumedShards {
  readonly shards: readonly ShardName[];
  /** Keyspaces of the position that are selected no longer: their place is given up. */
  readonly left: readonly string[];
}

const NEW_STREAM = 'begin a stream of another name, or anew (`vstream state reset NAME`)';

/**
 * A keyspace that is part of the stream already keeps the shards of its position, also after a reshard: the server follows from them. One that
 * is new comes with those it has now. A shard can neither join nor leave a keyspace between starts: one that joins has no place to
 * start from, and one that leaves would stand still at the destination with nothing that says so.
 * @throws VStreamError `POSITION_INVALID`, naming every shard or keyspace that does not fit
 */
export function resumedShards(known: readonly ShardName[], selected: SelectedShards): ResumedShards {
  const keyspaces = [...new Set(selected.shards.map((one) => one.keyspace))];
  const kept: ShardName[] = [];
  for (const keyspace of keyspaces) {
    const of = (list: readonly ShardName[]): ShardName[] =>
      list.filter((one) => one.keyspace === keyspace).map(({ shard }) => ({ keyspace, shard }));
    const [mine, wanted] = [of(known), of(selected.shards)];
    if (mine.length > 0) check(keyspace, mine.map(nameOf), wanted.map(nameOf), selected.named);
    kept.push(...(mine.length > 0 ? mine : wanted));
  }
  const left = [...new Set(known.map((one) => one.keyspace))].filter((one) => !keyspaces.includes(one));
  if (known.length > 0 && known.every((one) => left.includes(one.keyspace))) throw otherKeyspaces(left, keyspaces);
  return { shards: kept, left };
}

const nameOf = ({ shard }: ShardName): string => shard;

function check(keyspace: string, known: readonly string[], wanted: readonly string[], named: boolean): void {
  const joined = wanted.filter((one) => !shardsCover(one, known));
  if (joined.length > 0) {
    throw new VStreamError('POSITION_INVALID', `the position has no place on ${listed(keyspace, joined)}, only on ${known.join(', ')}`, {
      ...placeOf(keyspace, joined),
      next: `Name the shards of the position in \`source.shards\`; for the others ${NEW_STREAM}.`,
    });
  }
  // All that serve are wanted otherwise: a shard of the position that is none of them has become some of them.
  const gone = named ? known.filter((one) => !shardsCover(one, wanted)) : [];
  if (gone.length === 0) return;
  throw new VStreamError(
    'POSITION_INVALID',
    `the position is also on ${listed(keyspace, gone)}, and \`source.shards\` names only ${wanted.join(', ')}`,
    {
      ...placeOf(keyspace, gone),
      next: `Add ${gone.join(', ')} to \`source.shards\`. For a stream of fewer shards ${NEW_STREAM}.`,
    },
  );
}

function placeOf(keyspace: string, shards: readonly string[]): { keyspace: string; shard?: string } {
  const [only, second] = shards;
  return only !== undefined && second === undefined ? { keyspace, shard: only } : { keyspace };
}

function listed(keyspace: string, shards: readonly string[]): string {
  return shards.map((shard) => `${keyspace}/${shard}`).join(', ');
}

function otherKeyspaces(known: readonly string[], selected: readonly string[]): VStreamError {
  return new VStreamError(
    'POSITION_INVALID',
    `the position is of keyspace ${known.join(', ')}, and the stream selects tables of ${selected.join(', ')} only`,
    { next: `Correct \`source.keyspace\` or \`tables\`. For a stream of other keyspaces ${NEW_STREAM}.` },
  );
}
