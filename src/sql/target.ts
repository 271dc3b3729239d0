/** VTGate targets and quoted names: the only places where names enter SQL. Layer 2. */
import { VStreamError } from '../errors.js';

/** `primary` is written out, as the default of a VTGate can be another type (`--default_tablet_type`). */
export type TabletKind = 'primary' | 'replica' | 'rdonly';

/** The keyspace's shards by VTGate's routing: `commerce@primary`. */
export function keyspaceTarget(keyspace: string, type: TabletKind = 'primary'): string {
  return `${checkedName(keyspace, 'keyspace')}@${type}`;
}

/**
 * One shard, past the routing: `commerce/0@replica`. VTGate takes `:` for `/` as well; any tablet of the type may answer, so
 * what one says is a hint (design.md section 3).
 */
export function shardTarget(keyspace: string, shard: string, type: TabletKind = 'primary'): string {
  return `${checkedName(keyspace, 'keyspace')}/${checkedName(shard, 'shard')}@${type}`;
}

/** An identifier in back quotes. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

function checkedName(name: string, what: string): string {
  if (name === '' || /[/:@\s\p{Cc}]/u.test(name)) {
    throw new VStreamError('CONFIG_INVALID', `${JSON.stringify(name)} is not the name of a ${what}`, {
      next: 'Give the name as `show vitess_shards` prints it.',
    });
  }
  return name;
}

/** Why `name` cannot name a MySQL table or a keyspace, or undefined when it can. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if ([...name].length > 64) return 'it is longer than 64 characters';
  if (/\p{Cc}/u.test(name)) return 'it holds a control character';
  if (/[\u{10000}-\u{10ffff}]/u.test(name)) return 'it holds a character that MySQL does not allow in names';
  if (name.endsWith(' ')) return 'it ends with a space';
  if (/[/\\.:@]/.test(name)) return 'it holds one of / \\ . : @';
  return undefined;
}
