/**
 * What the charts show: the answers of dispatchers, counted by day (UTC) and by model or host.
 * Pure.
 */
import { DAY, formatIso } from '../base/clock.ts';
import { byCodeUnit } from '../base/order.ts';
import type { Usage } from '../protocol/usage.ts';

/** The counted facts of one answer. */
export interface Answer extends Usage {
  readonly atMs: number;
  /** Set for a reply. */
  readonly recipient: string | null;
  readonly host: string | null;
  readonly failed: boolean;
  readonly durationMs: number | null;
  /** Path of the message that it answers. */
  readonly replyTo: string | null;
}

/** Which answers are counted. */
export interface Span {
  readonly days: number;
  readonly nowMs: number;
  /** When the message at a path was sent; null = it is not known. */
  readonly askedMs: (path: string) => number | null;
}

/** Durations are milliseconds; null = no answer has one. */
export interface Figures {
  readonly answers: number;
  readonly failed: number;
  readonly medianMs: number | null;
  readonly slowMs: number | null;
  /** Between question and agent, the median. */
  readonly waitMs: number | null;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly usd: number;
}

export interface Series {
  readonly name: string;
  readonly total: Figures;
  /** One for each of `days`. */
  readonly daily: readonly Figures[];
}

export interface Charts {
  /** `2026-11-21`, oldest first. */
  readonly days: readonly string[];
  readonly total: Figures;
  readonly series: readonly Series[];
}

/** Counts the last `days` days up to `nowMs`. Names with most answers come first. */
export function countAnswers(answers: Iterable<Answer>, by: 'model' | 'host', span: Span): Charts {
  const today = Math.floor(span.nowMs / DAY);
  const first = today - span.days + 1;
  const named = new Map<string, Answer[]>();
  for (const answer of answers) {
    const name = by === 'model' ? answer.recipient : answer.host;
    const day = Math.floor(answer.atMs / DAY);
    // Without a host a person wrote it: no dispatcher's work.
    if (answer.host === null || name === null || day < first || day > today) continue;
    const list = named.get(name);
    if (list === undefined) named.set(name, [answer]);
    else list.push(answer);
  }
  const figures = (list: readonly Answer[]): Figures => figuresOf(list, span);
  const days = Array.from({ length: span.days }, (_, at) =>
    formatIso((first + at) * DAY).slice(0, 10),
  );
  const series = [...named].map(([name, list]): Series => {
    const perDay = Array.from({ length: span.days }, (): Answer[] => []);
    for (const answer of list) perDay[Math.floor(answer.atMs / DAY) - first]?.push(answer);
    return { name, total: figures(list), daily: perDay.map(figures) };
  });
  return {
    days,
    total: figures([...named.values()].flat()),
    series: series.sort((a, b) => b.total.answers - a.total.answers || byCodeUnit(a.name, b.name)),
  };
}

function figuresOf(list: readonly Answer[], { askedMs }: Span): Figures {
  const times = list
    .flatMap(({ durationMs, failed }) => (durationMs === null || failed ? [] : [durationMs]))
    .sort((a, b) => a - b);
  const waits = list
    .flatMap(({ atMs, durationMs, replyTo }) => {
      const asked = durationMs === null || replyTo === null ? null : askedMs(replyTo);
      return asked === null ? [] : [Math.max(0, atMs - (durationMs ?? 0) - asked)];
    })
    .sort((a, b) => a - b);
  const sum = (pick: (answer: Answer) => number | null): number =>
    list.reduce((total, answer) => total + (pick(answer) ?? 0), 0);
  return {
    answers: list.length,
    failed: list.filter(({ failed }) => failed).length,
    medianMs: quantile(times, 0.5),
    slowMs: quantile(times, 0.9),
    waitMs: quantile(waits, 0.5),
    tokensIn: sum(({ tokensIn }) => tokensIn),
    tokensOut: sum(({ tokensOut }) => tokensOut),
    usd: sum(({ costUsd }) => costUsd),
  };
}

/** The value that so much of the sorted list does not exceed. */
function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}
