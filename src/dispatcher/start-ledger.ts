/**
 * What this host has started, as far back as its journal goes: the only source for "was it started
 * here", "how often" and "what may it have cost". Refs cannot answer these, because anyone who can
 * push can move them.
 */
import { DAY } from '../base/clock.ts';
import { estimateOf, type Spent } from '../protocol/budgets.ts';
import type { Use } from '../protocol/usage.ts';
import {
  type JournalEntry,
  PUBLISHED,
  type SettledHow,
  type StartFacts,
} from '../local/local-state.ts';

/** One start of an agent. */
export interface Start extends StartFacts {
  readonly key: string;
  readonly nonce: string;
  readonly attemptId: string;
  /** What it says that it has used; null = it runs, was stopped, or died. */
  used: Use | null;
  /** How its claim was settled; null = it is not. */
  end: SettledHow | null;
}

export interface StartLedger {
  /** Starts by the key of their work, oldest first. */
  readonly byKey: Map<string, Start[]>;
  readonly byAttempt: Map<string, Start>;
}

/** How a claim ends whose starts count as no attempt at the work. */
const UNCOUNTED: readonly (SettledHow | null)[] = [
  PUBLISHED,
  'parked',
  'shutdown',
  'answered by hand',
];

/** A ledger of a host that has started nothing. */
export function createLedger(): StartLedger {
  return { byKey: new Map(), byAttempt: new Map() };
}

/** Takes an entry of the journal in; those that are about no start change nothing. */
export function noteEntry(ledger: StartLedger, entry: JournalEntry): void {
  if (entry.kind === 'starting') {
    const start: Start = { ...entry, used: null, end: null };
    ledger.byAttempt.set(start.attemptId, start);
    ledger.byKey.set(start.key, [...(ledger.byKey.get(start.key) ?? []), start]);
  } else if (entry.kind === 'used') {
    const start = ledger.byAttempt.get(entry.attemptId);
    if (start !== undefined) start.used = { usd: entry.usd, tokens: entry.tokens };
  } else if (entry.kind === 'settled')
    for (const start of ledger.byKey.get(entry.key) ?? [])
      if (start.nonce === entry.nonce) start.end = entry.how;
}

/** Whether an agent with effects outside was ever started here for this work. */
export function ranExternal({ byKey }: StartLedger, key: string): boolean {
  return (byKey.get(key) ?? []).some(({ effects }) => effects === 'external');
}

/** Attempts that were made here at this work and came to nothing, also when they were stopped. */
export function attemptsHere({ byKey }: StartLedger, key: string): number {
  const counted = (byKey.get(key) ?? []).filter(({ end }) => !UNCOUNTED.includes(end));
  return new Set(counted.map(({ nonce, attempt }) => `${nonce} ${attempt}`)).size;
}

/**
 * What starts of the last two days may have used that no reply reports: as they reported, else an
 * estimate. The reply reports the last start of a published claim. `told`: what replies say.
 */
export function untold(
  { byAttempt }: StartLedger,
  { told, wallMs }: { readonly told: Iterable<Spent>; readonly wallMs: number },
): readonly Spent[] {
  const recent = [...byAttempt.values()].filter(({ atMs }) => atMs > wallMs - 2 * DAY);
  if (recent.length === 0) return [];
  const lastOf = new Map(recent.map((start) => [start.nonce, start.attemptId]));
  const estimate = estimateOf([...told]);
  return recent.flatMap(({ attemptId, nonce, model, atMs, used, end }) =>
    end === PUBLISHED && lastOf.get(nonce) === attemptId
      ? []
      : [{ model, atMs, ...(used ?? estimate(model)) }],
  );
}
