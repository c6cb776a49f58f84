/**
 * data/budgets.yaml: what models may use in a day (UTC), all hosts together, and in an hour.
 * PROTOCOL.md "Budgets". Pure.
 */
import { DAY, formatIso, HOUR } from '../base/clock.ts';
import { isName } from './names.ts';
import { describe, isMapping, lineOfKey, readYamlMapping } from './yaml.ts';

/** Begins the reason why a model rests that has used up a budget. */
export const BUDGET_REACHED = 'budget: ';

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

export interface BudgetProblem {
  readonly line: number;
  readonly found: string;
  readonly expected: string;
}

/** What one reply says it has used. */
export interface Spent {
  readonly model: string;
  readonly atMs: number;
  readonly usd: number;
  readonly tokens: number;
}

const NOTHING: Budget = { usdPerDay: null, tokensPerDay: null, runsPerHour: null };
const KEYS = {
  'usd-per-day': 'usdPerDay',
  'tokens-per-day': 'tokensPerDay',
  'runs-per-hour': 'runsPerHour',
} as const;

/** No limits at all. */
export const NO_BUDGETS: Budgets = { all: NOTHING, models: new Map() };

/** Reads a budgets.yaml. With a problem nothing of it counts: half of a budget would be none. */
export function decodeBudgets(text: string): {
  readonly budgets: Budgets | null;
  readonly problems: readonly BudgetProblem[];
} {
  const read = readYamlMapping(text, 'typed');
  if (read.kind === 'refused')
    return {
      budgets: null,
      problems: [{ line: read.line, found: read.why, expected: read.remedy }],
    };
  const problems: BudgetProblem[] = [];
  const refuse = (path: readonly string[], found: string, expected: string): void =>
    void problems.push({ line: lineOfKey(text, path), found, expected });
  const { models: raw = {}, ...rest } = read.value;
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

type Refuse = (key: string, found: string, expected: string) => void;

function decodeBudget(
  raw: Readonly<Record<string, unknown>>,
  known: readonly string[],
  refuse: Refuse,
): Budget {
  const limits: Record<string, number | null> = {};
  for (const [key, value] of Object.entries(raw)) {
    const isKnown = known.includes(key) && Object.hasOwn(KEYS, key);
    if (!isKnown) refuse(key, `unknown key "${key}"`, `one of ${known.join(', ')}`);
    else if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      refuse(key, describe(value), 'a number, 0 or more');
    else limits[KEYS[key as keyof typeof KEYS]] = value;
  }
  return { ...NOTHING, ...limits };
}

/** What a run is taken to use while it has not said so and no run of its model has: a guess. */
const GUESS = { usd: 0.1, tokens: 20_000 } as const;

/**
 * What a run that has not told what it used is counted as: the most that a run of its model has
 * told. A model whose runs tell of nothing counts as using nothing.
 */
export function estimateOf(
  told: readonly Spent[],
): (model: string) => { readonly usd: number; readonly tokens: number } {
  const most = new Map<string, { usd: number; tokens: number }>();
  for (const { model, usd, tokens } of told) {
    const before = most.get(model) ?? { usd: 0, tokens: 0 };
    most.set(model, { usd: Math.max(before.usd, usd), tokens: Math.max(before.tokens, tokens) });
  }
  return (model) => most.get(model) ?? GUESS;
}

/** A model that has reached a budget. */
export interface Reached {
  /** For people: what was used of what. */
  readonly why: string;
  /** When it may go on, milliseconds since the epoch. */
  readonly untilMs: number;
}

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
): ReadonlyMap<string, Reached> {
  const untilMs = dayEnd(day.wallMs);
  const spentList = [...day.spent];
  const today = spentList.filter(({ atMs }) => dayEnd(atMs) === untilMs);
  const whole = describeReached(budgets.all, today, 'all models');
  return new Map(
    day.models.flatMap((model) => {
      const own = budgets.models.get(model) ?? NOTHING;
      const hour = reachedHour(own, spentList, { model, wallMs: day.wallMs });
      const why =
        whole ??
        describeReached(
          own,
          today.filter((one) => one.model === model),
          model,
        );
      if (why === null) return hour === null ? [] : [[model, hour] as const];
      return [
        [
          model,
          {
            why: `${BUDGET_REACHED}${why}; goes on at ${formatIso(untilMs).slice(0, 16)}Z`,
            untilMs,
          },
        ] as const,
      ];
    }),
  );
}

/** Replies of the last hour, and when the first of those that count is an hour old. */
function reachedHour(
  { runsPerHour }: Budget,
  spent: readonly Spent[],
  now: { readonly model: string; readonly wallMs: number },
): Reached | null {
  if (runsPerHour === null) return null;
  const times = spent
    .flatMap(({ model, atMs }) => (model === now.model && atMs > now.wallMs - HOUR ? [atMs] : []))
    .sort((a, b) => a - b);
  if (times.length < runsPerHour) return null;
  const untilMs = (times.at(-Math.max(1, runsPerHour)) ?? now.wallMs) + HOUR;
  const why = `${BUDGET_REACHED}${now.model} had ${times.length} of ${runsPerHour} runs of an hour; goes on at ${formatIso(untilMs).slice(0, 16)}Z`;
  return { why, untilMs };
}

function describeReached(budget: Budget, spent: readonly Spent[], who: string): string | null {
  const [usd, tokens] = [total(spent, 'usd'), total(spent, 'tokens')];
  if (budget.usdPerDay !== null && usd >= budget.usdPerDay)
    return `${who} used ${usd.toFixed(2)} of ${budget.usdPerDay} USD of this day`;
  if (budget.tokensPerDay !== null && tokens >= budget.tokensPerDay)
    return `${who} used ${tokens} of ${budget.tokensPerDay} tokens of this day`;
  return null;
}

function total(spent: readonly Spent[], key: 'usd' | 'tokens'): number {
  return spent.reduce((sum, one) => sum + one[key], 0);
}
