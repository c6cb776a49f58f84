/**
 * data/budgets.yaml: what models may use in a day (UTC), all hosts together, and in an hour.
 * PROTOCOL.md "Budgets". Pure.
 */
import { DAY, HOUR } from '../base/clock.ts';
import { isName } from './names.ts';
import { BUDGETS_FILE } from './paths.ts';
import type { ReasonOf } from './reason.ts';
import { amount, type FileProblem, readMappingFile } from './take.ts';
import { sumUse, type Use } from './usage.ts';
import { describe, isMapping } from './yaml.ts';

/** What may be used; null = no limit. */
export interface Budget {
  readonly usdPerDay: number | null;
  readonly tokensPerDay: number | null;
  /**
   * Runs of the model in any hour: of all hosts by their replies, and of each host by what it has
   * started.
   */
  readonly runsPerHour: number | null;
}

export interface Budgets {
  /** Of all models together. */
  readonly all: Budget;
  readonly models: ReadonlyMap<string, Budget>;
}

/** What one reply says it has used. */
export interface Spent extends Use {
  readonly model: string;
  readonly atMs: number;
}

const NOTHING: Budget = { usdPerDay: null, tokensPerDay: null, runsPerHour: null };
const KEYS = {
  'usd-per-day': 'usdPerDay',
  'tokens-per-day': 'tokensPerDay',
  'runs-per-hour': 'runsPerHour',
} as const;

/** No limits at all. */
export const NO_BUDGETS: Budgets = { all: NOTHING, models: new Map() };

/** The file, and which of its texts can be read. */
export const BUDGETS_READABLE = {
  path: BUDGETS_FILE,
  isReadable: (text: string): boolean => decodeBudgets(text).budgets !== null,
};

/** Reads a budgets.yaml. With a problem nothing of it counts: half of a budget would be none. */
export function decodeBudgets(text: string): {
  readonly budgets: Budgets | null;
  readonly problems: readonly FileProblem[];
} {
  const { value, problems, refuse } = readMappingFile(text);
  if (value === null) return { budgets: null, problems };
  const { models: raw = {}, ...rest } = value;
  const all = decodeBudget(rest, ['usd-per-day', 'tokens-per-day'], (key, ...said) =>
    refuse([key], ...said),
  );
  const models = new Map<string, Budget>();
  if (!isMapping(raw)) refuse(['models'], describe(raw), '"models:" to be a mapping of names');
  else
    for (const [name, limits] of Object.entries(raw)) {
      if (!isName(name) || !isMapping(limits))
        refuse(['models', name], describe(limits), 'the name of a model with a mapping of limits');
      else
        models.set(
          name,
          decodeBudget(limits, Object.keys(KEYS), (key, ...said) =>
            refuse(['models', name, key], ...said),
          ),
        );
    }
  return { budgets: problems.length === 0 ? { all, models } : null, problems };
}

const LIMIT = amount('a number, 0 or more');

function decodeBudget(
  raw: Readonly<Record<string, unknown>>,
  known: readonly string[],
  refuse: (key: string, found: string, expected: string) => null,
): Budget {
  const limits: Record<string, number | null> = {};
  for (const [key, value] of Object.entries(raw)) {
    const isKnown = known.includes(key) && Object.hasOwn(KEYS, key);
    if (!isKnown) refuse(key, `unknown key "${key}"`, `one of ${known.join(', ')}`);
    else
      // A key without a value is no limit, so it is refused like any other slip.
      limits[KEYS[key as keyof typeof KEYS]] =
        LIMIT.decode(value) ?? refuse(key, describe(value), LIMIT.expected);
  }
  return { ...NOTHING, ...limits };
}

/** What a run is taken to use while it has not said so and no run of its model has: a guess. */
const GUESS = { usd: 0.1, tokens: 20_000 } as const;

/**
 * What a run that has not reported its use is counted as: the most that a run of its model has
 * reported. A model whose runs report nothing counts as using nothing.
 */
export function estimateOf(told: readonly Spent[]): (model: string) => Use {
  const most = new Map<string, Use>();
  for (const { model, usd, tokens } of told) {
    const before = most.get(model) ?? { usd: 0, tokens: 0 };
    most.set(model, { usd: Math.max(before.usd, usd), tokens: Math.max(before.tokens, tokens) });
  }
  return (model) => most.get(model) ?? GUESS;
}

/** Why a model may not run that has reached a budget. */
export type BudgetReached = ReasonOf<'budget'>;

/** The midnight (UTC) that comes after a moment. */
export function dayEnd(wallMs: number): number {
  return (Math.floor(wallMs / DAY) + 1) * DAY;
}

/**
 * Which of the models may not run any more today. What the replies of the day have used is counted
 * in `spent`.
 */
export function reachedBudgets(
  budgets: Budgets,
  day: {
    readonly spent: Iterable<Spent>;
    readonly models: readonly string[];
    readonly wallMs: number;
  },
): ReadonlyMap<string, BudgetReached> {
  const spentList = [...day.spent];
  const today = spentList.filter(({ atMs }) => dayEnd(atMs) === dayEnd(day.wallMs));
  const whole = reachedDay(budgets.all, today, { who: null, wallMs: day.wallMs });
  return new Map(
    day.models.flatMap((model) => {
      const own = budgets.models.get(model) ?? NOTHING;
      const mine = today.filter((one) => one.model === model);
      const reached =
        whole ??
        reachedDay(own, mine, { who: model, wallMs: day.wallMs }) ??
        reachedHour(own, spentList, { model, wallMs: day.wallMs });
      return reached === null ? [] : [[model, reached] as const];
    }),
  );
}

/** Replies of the last hour, and when the first of those that count is an hour old. */
function reachedHour(
  { runsPerHour: limit }: Budget,
  spent: readonly Spent[],
  now: { readonly model: string; readonly wallMs: number },
): BudgetReached | null {
  if (limit === null) return null;
  // A clock that is ahead by more than an hour would use up every hour until then.
  const isNow = (atMs: number) => Math.abs(now.wallMs - atMs) < HOUR;
  const times = spent
    .flatMap(({ model, atMs }) => (model === now.model && isNow(atMs) ? [atMs] : []))
    .sort((a, b) => a - b);
  if (times.length < limit) return null;
  const untilMs = (times.at(-Math.max(1, limit)) ?? now.wallMs) + HOUR;
  const counted = { unit: 'runs', per: 'hour', limit, used: times.length } as const;
  return { kind: 'budget', who: now.model, untilMs, ...counted };
}

function reachedDay(
  budget: Budget,
  spent: readonly Spent[],
  { who, wallMs }: { readonly who: string | null; readonly wallMs: number },
): BudgetReached | null {
  const untilMs = dayEnd(wallMs);
  const { usd, tokens } = sumUse(spent);
  const reach = (used: number, limit: number, unit: 'USD' | 'tokens'): BudgetReached => ({
    kind: 'budget',
    who,
    used,
    limit,
    unit,
    per: 'day',
    untilMs,
  });
  const { usdPerDay, tokensPerDay } = budget;
  if (usdPerDay !== null && usd >= usdPerDay) return reach(usd, usdPerDay, 'USD');
  if (tokensPerDay !== null && tokens >= tokensPerDay) return reach(tokens, tokensPerDay, 'tokens');
  return null;
}
