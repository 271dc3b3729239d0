/** Numbers as people read them. Pure. Layer 0. */

/** `1,234,567` */
export function grouped(value: number | bigint): string {
  return (typeof value === 'bigint' ? value : Math.round(value)).toString().replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** Three figures at most: `950`, `12.3k`, `4.5M`. */
export function compact(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(value >= 100 * size ? 0 : 1)}${unit}`;
  }
  return String(Math.round(value));
}

/** `0.4 s`, `12 s`, `3m05s`, `2h10m`. */
export function spoken(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
  return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`;
}

/** `1 table`, `1,200 tables` */
export function counted(value: number, word: string): string {
  return `${grouped(value)} ${word}${value === 1 ? '' : 's'}`;
}
