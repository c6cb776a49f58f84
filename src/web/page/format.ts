/** Numbers and times in words. Pure. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** `850ms`, `1.2s`, `12s`, `3m 20s`, `2h 5m`, `4d 3h`. */
export function formatSpan(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)}s`;
  const at = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[at] ?? UNITS[3];
  const next = UNITS[at + 1];
  const rest = next === undefined ? 0 : Math.floor((ms % size) / next[1]);
  return `${Math.floor(ms / size)}${unit}${next === undefined || rest === 0 ? '' : ` ${rest}${next[0]}`}`;
}

/** Whether a time this long ago (ms) is shown as a span, and neither as `now` nor by its date. */
export function isSpan(ms: number): boolean {
  return ms >= 60_000 && ms < 7 * 86_400_000;
}

/** `now`, `5m`, `3h`, `2d`, then a day such as `14 Oct` or `14 Oct 2025`. */
export function formatAgo(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  if (ms < 60_000) return 'now';
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)}m`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)}h`;
  if (ms < 7 * 86_400_000) return `${Math.floor(ms / 86_400_000)}d`;
  const at = new Date(atMs);
  const sameYear = at.getFullYear() === new Date(nowMs).getFullYear();
  return at.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    ...(sameYear ? {} : { year: 'numeric' }),
  });
}

/** In the reader's own time zone, to the second. */
export function formatMoment(atMs: number): string {
  return new Date(atMs).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
}

/** `999`, `1.2k`, `34k`, `1.2M`. */
export function formatCount(count: number): string {
  if (count < 1_000) return String(Math.round(count));
  const [size, unit] =
    count < 999_500 ? [1_000, 'k'] : count < 999_500_000 ? [1_000_000, 'M'] : [1_000_000_000, 'G'];
  const value = count / size;
  return `${value < 9.95 ? value.toFixed(1).replace(/\.0$/, '') : Math.round(value)}${unit}`;
}

/** `$0.0042`, `$1.20`, `$340`. */
export function formatUsd(usd: number): string {
  if (usd === 0) return '$0';
  return `$${usd < 0.1 ? usd.toFixed(4) : usd < 100 ? usd.toFixed(2) : Math.round(usd).toLocaleString('en-GB')}`;
}

/** `900 B`, `12 kB`, `8.4 MB`. */
export function formatBytes(bytes: number): string {
  return bytes < 1_000
    ? `${bytes} B`
    : `${formatCount(bytes).replace('k', ' k').replace('M', ' M').replace('G', ' G')}B`;
}

/** The text of a mark of an axis: `$1` for `$1.00`, `2s` for `2.0s`. */
export function shortenMark(text: string): string {
  return text.replace(/\.0+(?!\d)/, '');
}

/** `999`, `1,000`: where `3 of 1k` would look like an estimate. */
export function formatWhole(count: number): string {
  return count.toLocaleString('en-GB');
}

/** `1 answer`, `3 answers`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatWhole(count)} ${count === 1 ? one : many}`;
}

/** A shortened id that still names the message. */
export function shortId(id: string): string {
  return id.replace(/^([0-9A-HJKMNP-TV-Z]{12})[0-9A-HJKMNP-TV-Z]{14}/, '$1');
}
