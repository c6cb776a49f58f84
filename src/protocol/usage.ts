/** What an agent used, as replies carry it and budgets count it. Pure. */

/**
 * A program's report of its use; null where it does not say. Whole numbers of tokens, and
 * US dollars; none is below zero.
 */
export interface Usage {
  readonly tokensIn: number | null;
  readonly tokensOut: number | null;
  readonly costUsd: number | null;
}

const TOKENS_MAX = 1e12;
const USD_MAX = 1e6;
/** The smallest amount reported: a millionth of a dollar. */
const USD_DIGITS = 6;

/**
 * The same with what cannot be true left out (below zero, no number, more than any attempt can
 * use), and with numbers that are written without an exponent.
 */
export function checkedUsage(usage: Usage): Usage {
  const { tokensIn, tokensOut, costUsd } = possibleUsage(usage);
  return {
    tokensIn: tokensIn === null ? null : Math.round(tokensIn),
    tokensOut: tokensOut === null ? null : Math.round(tokensOut),
    costUsd: costUsd === null ? null : dollars(costUsd),
  };
}

/** What may be true of it, not rounded: a part of a sum. */
export function possibleUsage({ tokensIn, tokensOut, costUsd }: Usage): Usage {
  return {
    tokensIn: within(tokensIn, TOKENS_MAX),
    tokensOut: within(tokensOut, TOKENS_MAX),
    costUsd: within(costUsd, USD_MAX),
  };
}

/** What was used, as it is summed up: US dollars, and tokens in both directions. */
export interface Use {
  readonly usd: number;
  readonly tokens: number;
}

/** What all have used together: eight times 0.1 USD is 0.8 USD, which reaches a limit of 0.8. */
export function sumUse(all: readonly Use[]): Use {
  return {
    usd: dollars(all.reduce((sum, { usd }) => sum + usd, 0)),
    tokens: all.reduce((sum, { tokens }) => sum + tokens, 0),
  };
}

/** An amount without what sums and quotients of fractions leave behind its last digit. */
export function dollars(usd: number): number {
  return Number(usd.toFixed(USD_DIGITS));
}

function within(value: number | null, max: number): number | null {
  return value !== null && value >= 0 && value <= max ? value : null;
}
