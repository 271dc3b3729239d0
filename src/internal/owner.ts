/** How a process is written that owns a stream: `host:pid:random`. Layer 0. */

/** `host:pid`, for people. A host may hold colons (IPv6), pid and random part never. */
export function shortOwner(owner: string): string {
  const parts = owner.split(':');
  return parts.length > 2 ? parts.slice(0, -1).join(':') : owner;
}
