/**
 * What the replies of a transport add up to, by model and host, over the whole history: read from
 * the trailers of their commits. The sums and the commit that they reach to are kept in the state
 * directory, so that only what is new is read. They never fall, but by an accepted rewrite.
 */
import { readTrailer } from '../../protocol/trailers.ts';
import { join } from 'node:path';
import { DAY, MINUTE, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { type Oid, parseOid } from '../../base/ids.ts';
import { readCheckpoint, writeCheckpoint } from '../../local/checkpoint.ts';
import { isMapping } from '../../protocol/yaml.ts';
import type { CommitInfo } from '../../transport/repository.ts';
import { createGit } from '../../transport/git-runner.ts';
import type { Invocation } from '../command.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** The sums of one model on one host. */
export interface ReplyTotals {
  readonly model: string;
  readonly host: string;
  answered: number;
  failed: number;
  /** Attempts beyond the first. */
  retried: number;
  tokensIn: number;
  tokensOut: number;
  costUsd: number;
}

const WALK_MS = 10 * MINUTE;
const SEPARATOR = '\u0001';
const TRAILERS = ['Host', 'Attempt', 'Tokens', 'Cost'] as const;

/** The sums up to the tip as it was last read. */
export async function readReplyTotals(
  invocation: Invocation,
  session: TransportSession,
): Promise<readonly ReplyTotals[]> {
  const { tip } = session.mirror.index();
  if (tip === null) return [];
  const path = join(session.directory.path, 'totals');
  const kept = decodeKept(await readCheckpoint(path));
  if (kept?.tip === tip) return kept.totals;
  const goesOn = kept !== null && (await session.repository.isAncestor(kept.tip, tip));
  const sums = new Map<string, ReplyTotals>(
    (goesOn ? kept.totals : []).map((one) => [`${one.model} ${one.host}`, one]),
  );
  await walkReplies({ invocation, session, from: goesOn ? kept.tip : null, to: tip }, (line) =>
    addReply(sums, line),
  );
  const totals = [...sums.values()];
  await writeCheckpoint(path, { tip, totals });
  return totals;
}

interface Walk {
  readonly invocation: Invocation;
  readonly session: TransportSession;
  readonly from: Oid | null;
  readonly to: Oid;
}

/**
 * Every commit of the range, by whatever merges it came: the line of those that look like replies
 * of dispatchers.
 */
async function walkReplies(
  { invocation, session, from, to }: Walk,
  take: (line: string) => void,
): Promise<void> {
  const git = createGit({
    env: invocation.env,
    gitDir: session.directory.cache,
    clock: systemClock,
  });
  const trailers = TRAILERS.map((key) => `%(trailers:key=Crosstalk-${key},valueonly,separator=;)`);
  const format = `--format=${['%an', '%ae', '%ce', '%s', ...trailers].join('%x01')}`;
  let rest = '';
  const decoder = new TextDecoder();
  const onStdout = (chunk: Buffer): void => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(take);
  };
  const steady = [
    '-c',
    'i18n.logOutputEncoding=UTF-8',
    'log',
    '--no-color',
    '--no-notes',
    '--no-mailmap',
    '--no-merges',
  ];
  const range = from === null ? [to] : [to, `^${from}`];
  const walked = await git.run({
    args: [...steady, '--committer=^crosstalkd on ', format, ...range, '--'],
    onStdout,
    limitMs: WALK_MS,
  });
  if (walked.code !== 0)
    throw new CrosstalkError(
      'INTERNAL',
      `git log failed in the cache: ${walked.stderr.trim().split('\n')[0] ?? ''}`,
    );
  if (rest !== '') take(rest);
}

function addReply(sums: Map<string, ReplyTotals>, line: string): void {
  const [
    model = '',
    author = '',
    committer = '',
    subject = '',
    host = '',
    attempt = '',
    tokens = '',
    cost = '',
  ] = line.split(SEPARATOR);
  const isReply =
    author === `${model}@${host}.crosstalk` && committer === `dispatcher@${host}.crosstalk`;
  if (!isReply || !(subject.startsWith(`${model} → `) || subject.startsWith(`${model} ✗ `))) return;
  const key = `${model} ${host}`;
  const sum = sums.get(key) ?? {
    model,
    host,
    answered: 0,
    failed: 0,
    retried: 0,
    tokensIn: 0,
    tokensOut: 0,
    costUsd: 0,
  };
  sums.set(key, sum);
  if (subject.startsWith(`${model} → `)) sum.answered += 1;
  else sum.failed += 1;
  const used = /^(\d{1,15}) in, (\d{1,15}) out$/.exec(tokens);
  sum.retried += Math.max(0, numberOf(/^(\d{1,6})$/.exec(attempt)?.[1]) - 1);
  sum.tokensIn += numberOf(used?.[1]);
  sum.tokensOut += numberOf(used?.[2]);
  sum.costUsd += usdOf(cost);
}

/**
 * What the replies of one host say that they have cost on the day (UTC) of `wallMs`, in US dollars.
 */
export function sumCostOfDay(
  commits: readonly CommitInfo[],
  day: { readonly host: string; readonly wallMs: number },
): number {
  const since = day.wallMs - (day.wallMs % DAY);
  return commits.reduce((sum, { author, authoredMs, message }) => {
    if (authoredMs < since || !author.email.endsWith(`@${day.host}.crosstalk`)) return sum;
    return sum + usdOf(readTrailer(message, 'Cost') ?? '');
  }, 0);
}

function usdOf(cost: string): number {
  return numberOf(/^(\d{1,12}(?:\.\d{1,12})?) USD$/.exec(cost)?.[1]);
}

function numberOf(text: string | undefined): number {
  return text === undefined ? 0 : Number(text);
}

const COUNTS = ['answered', 'failed', 'retried', 'tokensIn', 'tokensOut', 'costUsd'] as const;

function decodeKept(
  value: unknown,
): { readonly tip: Oid; readonly totals: readonly ReplyTotals[] } | null {
  if (!isMapping(value) || typeof value['tip'] !== 'string' || !Array.isArray(value['totals']))
    return null;
  const tip = parseOid(value['tip']);
  const isWhole = value['totals'].every(
    (one: unknown) =>
      isMapping(one) &&
      typeof one['model'] === 'string' &&
      typeof one['host'] === 'string' &&
      COUNTS.every((key) => typeof one[key] === 'number'),
  );
  return tip === null || !isWhole
    ? null
    : { tip, totals: value['totals'] as readonly ReplyTotals[] };
}
