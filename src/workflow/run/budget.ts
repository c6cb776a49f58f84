/** What a run may use: counted from what replies report and what open tasks are likely to cost. */
import { MINUTE } from '../../base/clock.ts';
import { dollars, sumUse } from '../../protocol/usage.ts';
import { limitsNow } from './controls.ts';
import type { Limits } from '../language/plan.ts';
import { parseMessagePath } from '../../protocol/paths.ts';
import { readMessage } from './message-memo.ts';
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
  /** The limit that is reached, or would be if open tasks cost what is guessed; or null. */
  readonly reached: LimitReached | null;
  /** A limit of money, tokens or time is reached, whatever the open tasks cost. */
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
  const used = usedUp(fold, use);
  return { ...use, reached: used ?? reachedLimit(use), isUsedUp: used !== null };
}

type Counted = Omit<BudgetUse, 'reached' | 'isUsedUp'>;

function usedUp(fold: Fold, { usd, tokens, limits }: Counted): LimitReached | null {
  const used = { usd, tokens, minutes: minutesOf(fold) };
  for (const limit of ['usd', 'tokens', 'minutes'] as const) {
    const value = limits[limit];
    if (value !== null && used[limit] >= value) return { limit, value };
  }
  return null;
}

/**
 * The limit that holds a run, and one that lets it continue: twice as much, or twice what it has
 * used. A hold may stand although an answer was taken away since: then any raised limit ends it.
 */
export function limitToRaise(fold: Fold, use: BudgetUse): LimitReached & { raised: number } {
  const { limit, value } = use.reached ?? firstLimit(use.limits);
  const next = limit === 'minutes' ? minutesOf(fold) + value : 2 * Math.max(use[limit], value);
  const raised = limit === 'usd' && next > 0 ? dollars(next) : Math.max(1, Math.ceil(next));
  return { limit, value, raised };
}

function firstLimit(limits: Limits): LimitReached {
  const { usd, tokens, minutes, agents } = limits;
  if (usd !== null) return { limit: 'usd', value: usd };
  if (tokens !== null) return { limit: 'tokens', value: tokens };
  return minutes === null
    ? { limit: 'agents', value: agents ?? 0 }
    : { limit: 'minutes', value: minutes };
}

/** Those since the start, without the time in which agents waited to be allowed something. */
function minutesOf({ input, header, tasks, messages: { others } }: Fold): number {
  const replies = new Map(tasks.map((task) => [task.path, task.reply]));
  // Newest first: of several answers the oldest stays.
  const answeredMs = new Map(
    [...others].reverse().map((one) => [parseMessagePath(one.path)?.replyTo?.path, one.atMs]),
  );
  let [waited, endMs] = [0, 0];
  for (const { path, atMs, speaker, message } of others) {
    const { asks, asksUntilMs, re } = message.fields;
    const reply = replies.get(re[0] ?? '');
    // A host asks in the name of an agent; what a person writes stops no clock.
    if (asks !== 'permission' || speaker !== null || reply === undefined) continue;
    const overMs = Math.min(asksUntilMs ?? atMs, endOf(input.files.get(reply)));
    const untilMs = Math.min(input.nowMs, overMs, answeredMs.get(path) ?? Infinity);
    waited += Math.max(0, untilMs - Math.max(atMs, endMs));
    endMs = Math.max(endMs, untilMs);
  }
  return (input.nowMs - header.atMs - waited) / MINUTE;
}

/** When a reply was written; one that does not stand, never. */
function endOf(reply: string | undefined): number {
  const read = reply === undefined ? null : readMessage(reply);
  return (read?.kind === 'message' ? read.message.fields.timestampMs : null) ?? Infinity;
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

function reachedLimit(use: Counted): LimitReached | null {
  const { limits } = use;
  if (limits.agents !== null && use.agents >= limits.agents)
    return { limit: 'agents', value: limits.agents };
  if (limits.usd !== null && dollars(use.usd + use.reservedUsd) >= limits.usd)
    return { limit: 'usd', value: limits.usd };
  if (limits.tokens !== null && use.tokens + use.reservedTokens >= limits.tokens)
    return { limit: 'tokens', value: limits.tokens };
  return null;
}
