/** Scales of the timeline and the charts. Pure. */

const STEPS_MS = [
  100, 250, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000,
  172_800_000, 604_800_000, 2_592_000_000,
];

/**
 * Marks of an axis of time that begins at 0: multiples of a round step, at most about `count` of
 * them.
 */
export function timeTicks(spanMs: number, count: number): readonly number[] {
  const step =
    STEPS_MS.find((ms) => spanMs / ms <= count) ??
    Math.ceil(spanMs / count / 2_592_000_000) * 2_592_000_000;
  return Array.from({ length: Math.floor(spanMs / step) + 1 }, (_, at) => at * step);
}

/** Marks of an axis from 0 to at least `max`: 1, 2 or 5 times a power of ten apart. */
export function valueTicks(max: number, count: number): readonly number[] {
  if (!(max > 0)) return [0, 1];
  const raw = max / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step =
    [1, 2, 5, 10].map((factor) => factor * power).find((size) => max / size <= count) ?? power * 10;
  const steps = Math.ceil(max / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, at) => Number((at * step).toPrecision(12)));
}

/**
 * Marks of an axis of durations from 0 to at least `maxMs`: whole seconds, minutes or hours apart.
 */
export function spanTicks(maxMs: number, count: number): readonly number[] {
  const step =
    STEPS_MS.find((ms) => maxMs / ms <= count) ??
    Math.ceil(maxMs / count / 2_592_000_000) * 2_592_000_000;
  return Array.from({ length: Math.max(1, Math.ceil(maxMs / step)) + 1 }, (_, at) => at * step);
}

/**
 * One bar of a timeline: when it was asked for, began, ended. Milliseconds since the epoch; null =
 * not yet, or not known.
 */
export interface Timed {
  readonly askedMs: number | null;
  readonly startMs: number | null;
  readonly endMs: number | null;
}

/**
 * Where it waits and where it works, as shares of the whole span from 0 to 1. `isOpen`: it
 * continues.
 */
export interface Bar {
  readonly waitFrom: number;
  readonly workFrom: number;
  readonly to: number;
  readonly isOpen: boolean;
}

/** The span that all of them lie in. */
export function spanOf(
  all: readonly Timed[],
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } {
  const begins = all.flatMap(({ askedMs }) => askedMs ?? []);
  const fromMs = begins.length === 0 ? nowMs : Math.min(...begins);
  const ends = all.map(({ askedMs, endMs }) => endMs ?? (askedMs === null ? fromMs : nowMs));
  return { fromMs, toMs: Math.max(fromMs + 1, ...ends) };
}

/**
 * Lays one bar into the span; null for what was not asked yet. What runs has no known beginning: it
 * counts as waiting until it is held.
 */
export function barOf(
  timed: Timed,
  span: { readonly fromMs: number; readonly toMs: number; readonly isHeld: boolean },
): Bar | null {
  const { askedMs, startMs, endMs } = timed;
  if (askedMs === null) return null;
  const length = span.toMs - span.fromMs;
  const share = (ms: number): number => Math.min(1, Math.max(0, (ms - span.fromMs) / length));
  const to = share(endMs ?? span.toMs);
  const waitFrom = Math.min(share(askedMs), to);
  const begin = startMs ?? (endMs === null && !span.isHeld ? span.toMs : askedMs);
  return {
    waitFrom,
    workFrom: Math.min(to, Math.max(waitFrom, share(begin))),
    to,
    isOpen: endMs === null,
  };
}
