/**
 * The lines at the end of a commit's message by which dispatchers and commands find again what a
 * commit did: composed and read here, side by side. Only the last paragraph counts, and every
 * commit of ours ends with one, so a text inside a message can never pass for a trailer.
 */
import { oneLine } from '../base/plain-text.ts';

/** The names of trailers; `Crosstalk-` precedes each. */
export type TrailerKey =
  | 'Re'
  | 'Channel'
  | 'Host'
  | 'Attempt'
  | 'Tokens'
  | 'Files'
  | 'Branch'
  | 'Commit'
  | 'Cost'
  | 'Run'
  | 'Transition'
  | 'Bookkeeping'
  | 'Message'
  | 'Retries'
  | 'To'
  | 'Started'
  | 'Slot'
  | 'Failed'
  | 'Detail'
  | 'Outcome'
  | 'Asks'
  | 'Continues';

/** A trailer to be written; one whose value is null is left out. */
export type Trailer = readonly [key: TrailerKey, value: string | null];

const PREFIX = 'Crosstalk-';
const VALUE_CHARS_MAX = 300;
/** More lines than any commit of ours ends with. */
const LINES_MAX = 200;

/** The last paragraph of a commit's message, with its line end; empty without any value. */
export function formatTrailers(trailers: readonly Trailer[]): string {
  return trailers
    .flatMap(([key, value]) =>
      value === null ? [] : [`${PREFIX}${key}: ${oneLine(value, VALUE_CHARS_MAX)}\n`],
    )
    .join('');
}

/** The values of a trailer in the last paragraph of a commit's message, in order. */
export function readTrailers(message: string, key: TrailerKey): readonly string[] {
  const end = message.trimEnd();
  const paragraph = end.slice(end.lastIndexOf('\n\n') + 1);
  const start = `${PREFIX}${key}: `;
  return paragraph
    .split('\n', LINES_MAX)
    .flatMap((line) => (line.startsWith(start) ? [line.slice(start.length).trim()] : []));
}

/** `412 in, 90 out`: tokens of one attempt. */
export function formatTokens(tokensIn: number, tokensOut: number): string {
  return `${tokensIn} in, ${tokensOut} out`;
}

/** The same read back; 0 where it says something else. */
export function readTokens(value: string): {
  readonly tokensIn: number;
  readonly tokensOut: number;
} {
  const [, tokensIn = 0, tokensOut = 0] = /^(\d{1,15}) in, (\d{1,15}) out$/.exec(value) ?? [];
  return { tokensIn: Number(tokensIn), tokensOut: Number(tokensOut) };
}

/** `0.0312 USD`: what an attempt has cost. */
export function formatCost(usd: number): string {
  return `${usd.toFixed(4)} USD`;
}

/** The same read back, in US dollars; 0 where it says something else. */
export function readCost(value: string): number {
  return Number(/^(\d{1,12}(?:\.\d{1,12})?) USD$/.exec(value)?.[1] ?? 0);
}

/** The values of a trailer as `--format` of git prints them, joined by `separator`. */
export function trailerFormat(key: TrailerKey, separator = ';'): string {
  return `%(trailers:key=${PREFIX}${key},valueonly,separator=${separator})`;
}

/** Arguments of `git log` for commits that have one of these trailers. */
export function withTrailers(keys: readonly TrailerKey[]): readonly string[] {
  return ['--extended-regexp', `--grep=^${PREFIX}(${keys.join('|')}): `];
}

/** A text in which no line passes for a trailer, also for `git log --grep`. */
export function withoutTrailers(text: string): string {
  return text.replace(/^(?=Crosstalk-)/gm, ' ');
}

/** The first value of a trailer, or null. */
export function readTrailer(message: string, key: TrailerKey): string | null {
  return readTrailers(message, key)[0] ?? null;
}
