/** Which rule of the tablet throttler holds a stream back. Pure. Layer 3. */

export interface ThrottleRule {
  readonly app: string;
  readonly expiresAt: string;
  readonly ratio: number;
}

/** The names a tablet reads binary logs and copies under. */
const STREAM_APPS: readonly string[] = ['vstreamer', 'rowstreamer'];

/** Undefined when none does. An application's own rule stands in place of that for `all`, also when it lets everything pass. */
export function holdingRule(rules: readonly ThrottleRule[]): ThrottleRule | undefined {
  const all = rules.find(({ app }) => app === 'all');
  return STREAM_APPS.map((name) => rules.find(({ app }) => app === name) ?? all).find((rule) => rule !== undefined && rule.ratio > 0);
}
