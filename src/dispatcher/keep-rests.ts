/**
 * Keeps rests of models across restarts: neither a restart nor the next `run --once` starts a
 * resting model or forgets its failures.
 */
import { errorText } from '../base/errors.ts';
import { decodeRest } from '../protocol/decode-rest.ts';
import { sayReason } from '../protocol/say-reason.ts';
import { isMapping } from '../protocol/yaml.ts';
import type { Dispatcher } from './dispatcher.ts';

/** A rest longer than this is no rest of ours: the clock was set back. */
const REST_MS_MAX = 8 * 86_400_000;

/** Notes what rests now and what has failed lately, by the wall clock. Never rejects. */
export async function saveRests({ state, doors }: Dispatcher): Promise<void> {
  const { parked, parks, failures } = state.models;
  const aheadMs = doors.clock.wallMs() - doors.clock.monotonicMs();
  const rests = {
    v: 1,
    parked: [...parked].map(([model, rest]) => ({
      ...rest,
      model,
      why: sayReason(rest.why),
      reason: rest.why,
      untilMs: rest.untilMs + aheadMs,
    })),
    parks: [...parks],
    failures: [...failures].map(([model, times]) => [model, times.map((ms) => ms + aheadMs)]),
  };
  await doors.local.writeRests(rests).catch((error: unknown) =>
    doors.log.warning('rests.unwritten', {
      reason: errorText(error),
      next: 'continues; a restart may start a model that rests',
    }),
  );
}

/** Takes up what an earlier run of this state directory has noted. */
export async function loadRests({ state, doors }: Dispatcher): Promise<void> {
  const raw = await doors.local.readRests();
  if (!isMapping(raw) || raw['v'] !== 1) return;
  const { parked, parks, failures } = state.models;
  const wallMs = doors.clock.wallMs();
  const aheadMs = wallMs - doors.clock.monotonicMs();
  for (const rest of listOf(raw['parked'])) {
    if (!isMapping(rest)) continue;
    const { model, untilMs, why, reason, class: failure } = rest;
    if (typeof model !== 'string' || typeof untilMs !== 'number' || typeof why !== 'string')
      continue;
    if (untilMs <= wallMs || untilMs > wallMs + REST_MS_MAX) continue;
    parked.set(model, {
      untilMs: untilMs - aheadMs,
      why: decodeRest(reason, why),
      ...(typeof failure === 'string' ? { class: failure } : {}),
    });
  }
  for (const [model, count] of pairsOf(raw['parks']))
    if (typeof count === 'number') parks.set(model, count);
  for (const [model, times] of pairsOf(raw['failures']))
    failures.set(
      model,
      listOf(times).flatMap((ms) => (typeof ms === 'number' && ms <= wallMs ? [ms - aheadMs] : [])),
    );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function pairsOf(value: unknown): readonly (readonly [string, unknown])[] {
  return listOf(value).flatMap((pair) =>
    Array.isArray(pair) && typeof pair[0] === 'string' ? [[pair[0], pair[1] as unknown]] : [],
  );
}
