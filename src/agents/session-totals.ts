/**
 * What a program reports as the sum over a session is more than an attempt used: here it becomes
 * the difference to what was known of that session before.
 */
import type { SessionTotal } from './adapter.ts';
import type { Usage } from './agent.ts';

/** What is remembered of sessions on this host, kept by local/session-usage.ts. Never rejects. */
export interface SessionTotals {
  readonly read: (session: string) => Promise<Usage | null>;
  readonly write: (session: string, total: Usage) => Promise<void>;
}

export interface Metered {
  readonly usage: Usage;
  readonly total: SessionTotal | undefined;
  /** The session that was continued, or null. */
  readonly resumed: string | null;
}

/**
 * The use of one attempt. The sum of a continued session of which nothing is known is left out:
 * it would count again what was counted.
 */
export async function usageOfAttempt(
  { usage, total, resumed }: Metered,
  totals: SessionTotals | undefined,
): Promise<Usage> {
  if (total === undefined) return usage;
  const known = (await totals?.read(total.session)) ?? null;
  const before = resumed === null ? (known ?? NONE) : known;
  await totals?.write(total.session, {
    tokensIn: total.tokensIn ?? known?.tokensIn ?? null,
    tokensOut: total.tokensOut ?? known?.tokensOut ?? null,
    costUsd: total.costUsd ?? known?.costUsd ?? null,
  });
  const part = (key: keyof Usage): number | null => {
    const [now, then] = [total[key], before === null ? null : (before[key] ?? 0)];
    if (now === null || then === null) return usage[key];
    // A program that restarts its sum reports its use since then.
    return now >= then ? now - then : now;
  };
  return { tokensIn: part('tokensIn'), tokensOut: part('tokensOut'), costUsd: part('costUsd') };
}

const NONE: Usage = { tokensIn: 0, tokensOut: 0, costUsd: 0 };
