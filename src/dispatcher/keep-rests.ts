/**
 * Keeps rests of models across restarts: neither a restart nor the next `run --once` starts a
 * resting model or forgets its failures.
 */
import { errorText } from '../base/errors.ts';
import { decodeRest } from '../protocol/decode-rest.ts';
import { sayReason } from '../protocol/say-reason.ts';
import { isMapping } from '../protocol/yaml.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Parked } from './notes.ts';

/** A rest longer than this is no rest of ours: the clock was set back. */
const REST_MS_MAX = 8 * 86_400_000;

/** Notes what rests now and what has failed lately, by the wall clock. Never rejects. */
export async function saveRests({ state, doors }: Dispatcher): Promise<void> {
  const { parked, parks, failures, spentOut } = state.models;
  const aheadMs = doors.clock.wallMs() - doors.clock.monotonicMs();
  const rests = {
    v: 1,
    // Whether the remote takes claims again only the next run can find out.
    parked: [...parked]
      .filter(([, { why }]) => why.kind !== 'claims-refused')
      .map(([model, rest]) => ({
        ...rest,
        model,
        why: sayReason(rest.why),
        reason: rest.why,
        untilMs: rest.untilMs + aheadMs,
      })),
    // Told to people while no dispatcher runs; the next one counts for itself.
    spent: [...spentOut].map(([model, reason]) => ({
      ...{ model, reason, why: sayReason(reason), untilMs: reason.untilMs },
    })),
    parks: [...parks],
    failures: [...failures].map(([model, times]) => [model, times.map((ms) => ms + aheadMs)]),
  };
  await doors.local.writeRests(rests).catch((error: unknown) =>
    doors.log.warning('rests.unwritten', {
      reason: errorText(error),
      next: 'continues; after a restart a resting model may start',
    }),
  );
}

/** Takes up what an earlier run of this state directory has noted. */
export async function loadRests({ state, doors }: Dispatcher): Promise<void> {
  const { parked, parks, failures } = state.models;
  const wallMs = doors.clock.wallMs();
  const aheadMs = wallMs - doors.clock.monotonicMs();
  const kept = decodeRests(await doors.local.readRests(), wallMs);
  for (const { model, untilMs, ...rest } of kept.parked)
    parked.set(model, { ...rest, untilMs: untilMs - aheadMs });
  for (const [model, count] of kept.parks) parks.set(model, count);
  for (const [model, times] of kept.failures)
    failures.set(
      model,
      times.map((ms) => ms - aheadMs),
    );
}

/** What was noted, by the wall clock, without what is over. */
export interface KeptRests {
  readonly parked: readonly (Parked & { readonly model: string })[];
  /** What has used up its budget. */
  readonly spent: readonly (Parked & { readonly model: string })[];
  readonly parks: readonly (readonly [model: string, count: number])[];
  readonly failures: readonly (readonly [model: string, timesMs: readonly number[]])[];
}

/** Reads the file of rests; what is not one counts as empty. */
export function decodeRests(raw: unknown, wallMs: number): KeptRests {
  if (!isMapping(raw) || raw['v'] !== 1) return { parked: [], spent: [], parks: [], failures: [] };
  return {
    parked: listOf(raw['parked']).flatMap((rest) => decodeParked(rest, wallMs) ?? []),
    spent: listOf(raw['spent']).flatMap((rest) => decodeParked(rest, wallMs) ?? []),
    parks: pairsOf(raw['parks']).flatMap(([model, count]) =>
      typeof count === 'number' ? [[model, count] as const] : [],
    ),
    failures: pairsOf(raw['failures']).map(([model, times]) => [
      model,
      listOf(times).filter((ms) => typeof ms === 'number' && ms <= wallMs) as readonly number[],
    ]),
  };
}

function decodeParked(rest: unknown, wallMs: number): KeptRests['parked'][number] | null {
  if (!isMapping(rest)) return null;
  const { model, untilMs, why, reason, class: failure } = rest;
  if (typeof model !== 'string' || typeof untilMs !== 'number' || typeof why !== 'string')
    return null;
  if (untilMs <= wallMs || untilMs > wallMs + REST_MS_MAX) return null;
  const known = { model, untilMs, why: decodeRest(reason, why) };
  return typeof failure === 'string' ? { ...known, class: failure } : known;
}

/** The file without what it notes of one model. */
export function withoutRest(raw: unknown, model: string): unknown {
  if (!isMapping(raw)) return raw;
  const others = (key: string): unknown => pairsOf(raw[key]).filter(([name]) => name !== model);
  return {
    ...raw,
    parked: listOf(raw['parked']).filter((rest) => !isMapping(rest) || rest['model'] !== model),
    parks: others('parks'),
    failures: others('failures'),
  };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function pairsOf(value: unknown): readonly (readonly [string, unknown])[] {
  return listOf(value).flatMap((pair) =>
    Array.isArray(pair) && typeof pair[0] === 'string' ? [[pair[0], pair[1] as unknown]] : [],
  );
}
