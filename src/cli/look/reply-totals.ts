/**
 * What the replies of a transport add up to, by model and host, over the whole history: read from
 * the trailers of their commits. The sums and the commit that they reach to are kept in the state
 * directory, so that only what is new is read. They never fall, but by an accepted rewrite.
 */
import { readCost, readTokens, readTrailer } from '../../protocol/trailers.ts';
import { join } from 'node:path';
import { DAY } from '../../base/clock.ts';
import { type Oid, parseOid } from '../../base/ids.ts';
import { readCheckpoint, writeCheckpoint } from '../../local/checkpoint.ts';
import { isAnswerSubject, isFailureSubject } from '../../protocol/reply.ts';
import { isMapping } from '../../protocol/yaml.ts';
import type { CommitInfo } from '../../transport/repository.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { walkCommits } from './walk-commits.ts';

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

const TRAILERS = ['Host', 'Attempt', 'Tokens', 'Cost', 'Failed', 'Outcome'] as const;

/** The sums up to the tip as it was last read. */
export async function readReplyTotals(session: TransportSession): Promise<readonly ReplyTotals[]> {
  const { tip } = session.mirror.index();
  if (tip === null) return [];
  const path = join(session.directory.path, 'totals');
  const kept = decodeKept(await readCheckpoint(path));
  if (kept?.tip === tip) return kept.totals;
  const goesOn = kept !== null && (await session.repository.isAncestor(kept.tip, tip));
  const sums = new Map<string, ReplyTotals>(
    (goesOn ? kept.totals : []).map((one) => [`${one.model} ${one.host}`, one]),
  );
  await walkCommits(
    {
      session,
      from: goesOn ? kept.tip : null,
      to: tip,
      only: ['--committer=^crosstalkd on '],
      fields: ['%an', '%ae', '%ce', '%s'],
      trailers: TRAILERS,
    },
    (values) => addReply(sums, values),
  );
  const totals = [...sums.values()];
  await writeCheckpoint(path, { tip, totals });
  return totals;
}

function addReply(sums: Map<string, ReplyTotals>, values: readonly string[]): void {
  const [
    model = '',
    author = '',
    committer = '',
    subject = '',
    host = '',
    attempt = '',
    tokens = '',
    cost = '',
    failure = '',
    outcome = '',
  ] = values;
  const isReply =
    author === `${model}@${host}.crosstalk` && committer === `dispatcher@${host}.crosstalk`;
  const end = isReply ? endOf({ model, subject, failure, outcome }) : null;
  if (end === null) return;
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
  sum[end] += 1;
  const { tokensIn, tokensOut } = readTokens(tokens);
  sum.retried += Math.max(0, Number(/^\d{1,6}$/.exec(attempt)?.[0] ?? 0) - 1);
  sum.tokensIn += tokensIn;
  sum.tokensOut += tokensOut;
  sum.costUsd += readCost(cost);
}

/** How a reply ended: by its trailers; in a commit of an older program by its subject. */
function endOf(reply: {
  readonly model: string;
  readonly subject: string;
  readonly failure: string;
  readonly outcome: string;
}): 'answered' | 'failed' | null {
  const { model, subject, failure, outcome } = reply;
  if (failure !== '') return 'failed';
  if (outcome !== '') return outcome === 'answered' ? 'answered' : null;
  if (isFailureSubject(subject, model)) return 'failed';
  return isAnswerSubject(subject, model) ? 'answered' : null;
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
    return sum + readCost(readTrailer(message, 'Cost') ?? '');
  }, 0);
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
