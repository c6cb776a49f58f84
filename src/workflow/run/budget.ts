/** What a run may use: counted from what replies report and what open tasks are likely to cost. */
import { MINUTE } from '../../base/clock.ts';
import { dollars, sumUse } from '../../protocol/usage.ts';
import { limitsNow } from './controls.ts';
import type { Limits } from '../language/plan.ts';
import { acknowledged } from './run-messages.ts';
import type { Fold } from './fold.ts';

export interface BudgetUse {
  readonly limits: Limits;
  readonly agents: number;
  readonly usd: number;
  readonly tokens: number;
  /** Guessed for open tasks: the mean of the answered ones. */
  readonly reservedUsd: number;
  readonly reservedTokens: number;
  /** New agents that the limits of money and tokens still allow, at the mean cost so far. */
  readonly affordable: number;
  /** The limit that is reached, or null. */
  readonly reached: LimitReached | null;
  /** A limit is passed, whatever the open tasks cost. */
  readonly isUsedUp: boolean;
}

export interface LimitReached {
  readonly limit: 'usd' | 'tokens' | 'agents' | 'minutes';
  readonly value: number;
}

/** `usd 60`. */
export function formatLimit({ limit, value }: LimitReached): string {
  return `${limit} ${String(value)}`;
}

/** Use and limits of the run now. */
export function budgetUse(fold: Fold): BudgetUse {
  const limits = limitsNow(fold.plan.budget, fold.messages);
  const own = fold.tasks.filter((task) => !task.isReused && task.to !== 'workflow');
  const all = fold.tasks.filter((task) => !task.isReused);
  const open = own.filter((task) => task.state === 'open').length;
  const answered = Math.max(1, own.length - open);
  const { usd, tokens } = sumUse(all);
  const reserved = { usd: dollars((usd / answered) * open), tokens: (tokens / answered) * open };
  const affordable = Math.min(
    affords(limits.usd, usd + reserved.usd, usd / answered),
    affords(limits.tokens, tokens + reserved.tokens, tokens / answered),
  );
  const use = {
    limits,
    agents: own.length,
    usd,
    tokens,
    reservedUsd: reserved.usd,
    reservedTokens: reserved.tokens,
    affordable,
  };
  return { ...use, reached: reachedLimit(fold, use), isUsedUp: isUsedUp(fold, use) };
}

function isUsedUp(fold: Fold, use: Omit<BudgetUse, 'reached' | 'isUsedUp'>): boolean {
  const { usd, tokens, minutes } = use.limits;
  return (
    (usd !== null && use.usd >= usd) ||
    (tokens !== null && use.tokens >= tokens) ||
    (minutes !== null && fold.input.nowMs >= fold.header.atMs + minutes * MINUTE)
  );
}

/** The folder of the n-th hold: a raised budget begins the next. */
export function holdPath(fold: Fold): string {
  return `${fold.root}budget/${String(1 + acknowledged(fold.messages, ['budget']).length)}.json`;
}

/** The last one may go over the limit: nobody knows what it will cost. */
function affords(limit: number | null, used: number, mean: number): number {
  return limit === null || mean === 0
    ? Infinity
    : Math.max(0, Math.ceil(dollars((limit - used) / mean)));
}

function reachedLimit(
  fold: Fold,
  use: Omit<BudgetUse, 'reached' | 'isUsedUp'>,
): LimitReached | null {
  const { limits } = use;
  if (limits.usd !== null && dollars(use.usd + use.reservedUsd) >= limits.usd)
    return { limit: 'usd', value: limits.usd };
  if (limits.tokens !== null && use.tokens + use.reservedTokens >= limits.tokens)
    return { limit: 'tokens', value: limits.tokens };
  if (limits.agents !== null && use.agents >= limits.agents)
    return { limit: 'agents', value: limits.agents };
  if (limits.minutes !== null && fold.input.nowMs >= fold.header.atMs + limits.minutes * MINUTE)
    return { limit: 'minutes', value: limits.minutes };
  return null;
}
