/**
 * The entries of the journal as they are read back: JSON that somebody may have damaged or a newer
 * version written.
 */
import { isMapping } from '../protocol/yaml.ts';
import type { JournalEntry, SettledHow } from './local-state.ts';

/** The entry in `value`, or null when this version does not know it. */
export function decodeJournalEntry(value: unknown): JournalEntry | null {
  if (!isMapping(value)) return null;
  const text = (key: string): string | null => (typeof value[key] === 'string' ? value[key] : null);
  switch (value['kind']) {
    case 'claiming':
      return withClaim(value, (claimed) =>
        withText(text('claim'), (claim) => ({ kind: 'claiming', claim, ...claimed })),
      );
    case 'starting':
      return withClaim(value, (claimed) =>
        withText(text('attemptId'), (attemptId) => ({
          kind: 'starting',
          attemptId,
          ...startFacts(value),
          ...claimed,
        })),
      );
    case 'used':
      return decodeUsed(value);
    case 'settled':
      return withClaim(value, (claimed) =>
        withText(text('how'), (how) => ({ kind: 'settled', how: how as SettledHow, ...claimed })),
      );
    case 'started':
      return decodeStarted(value);
    default:
      return null;
  }
}

/** A start that an older version noted counts as one that may have done anything. */
function startFacts({ model, effects, attempt, atMs }: Readonly<Record<string, unknown>>) {
  return {
    model: typeof model === 'string' ? model : '',
    effects: effects === 'none' ? ('none' as const) : ('external' as const),
    attempt: typeof attempt === 'number' ? attempt : 1,
    atMs: typeof atMs === 'number' ? atMs : 0,
  };
}

function decodeUsed({ attemptId, usd, tokens }: Readonly<Record<string, unknown>>) {
  return typeof attemptId === 'string' && typeof usd === 'number' && typeof tokens === 'number'
    ? ({ kind: 'used', attemptId, usd, tokens } as const)
    : null;
}

function decodeStarted(value: Readonly<Record<string, unknown>>): JournalEntry | null {
  const { attemptId, pgid, startTicks } = value;
  if (typeof attemptId !== 'string' || typeof pgid !== 'number' || !Number.isSafeInteger(pgid))
    return null;
  return startTicks === null || typeof startTicks === 'string'
    ? { kind: 'started', attemptId, pgid, startTicks }
    : null;
}

interface Claimed {
  readonly key: string;
  readonly nonce: string;
}

function withClaim(
  value: Readonly<Record<string, unknown>>,
  then: (claimed: Claimed) => JournalEntry | null,
): JournalEntry | null {
  const { key, nonce } = value;
  return typeof key === 'string' && typeof nonce === 'string' ? then({ key, nonce }) : null;
}

function withText(text: string | null, then: (text: string) => JournalEntry): JournalEntry | null {
  return text === null ? null : then(text);
}
