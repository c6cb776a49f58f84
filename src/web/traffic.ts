/** How often each host has pushed, minute by minute, as far as beats have told it. Pure. */
import { HOUR, MINUTE, SECOND } from '../base/clock.ts';
import type { Surroundings } from '../cli/look/look-around.ts';

/** Alias → when it pushed within the last hour, by wall clocks: only to be shown. */
export type Traffic = ReadonlyMap<string, readonly number[]>;

/** What is known after a look: a beat lists the pushes of its last minute, others stay known. */
export function noteTraffic(
  known: Traffic,
  { hosts, here }: Pick<Surroundings, 'hosts' | 'here'>,
  nowMs: number,
): Traffic {
  return new Map(
    hosts.flatMap(({ alias, instance, beat }) => {
      if (beat === null) return [];
      const own = here?.instance === instance ? here.pushes : undefined;
      const told =
        own?.map(({ agoMs }) => nowMs - agoMs) ??
        (beat.pushes ?? []).map((ageS) => beat.atMs - ageS * SECOND);
      const fromMs = own === undefined ? beat.atMs - MINUTE : Math.min(nowMs, ...told);
      const before = (known.get(alias) ?? []).filter((ms) => ms < fromMs);
      return [[alias, [...before, ...told].filter((ms) => ms > nowMs - HOUR)]];
    }),
  );
}

/** Pushes in each of the last 60 minutes, the oldest first. */
export function perMinute(times: readonly number[], nowMs: number): readonly number[] {
  const counts = Array.from({ length: HOUR / MINUTE }, () => 0);
  for (const ms of times) {
    const at = counts.length - 1 - Math.floor(Math.max(0, nowMs - ms) / MINUTE);
    if (at >= 0) counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}
