/** The commits that made a message what it is: it, its answers, and every change of them. */
import { DAY, formatIso } from '../base/clock.ts';
import { walkCommits } from '../cli/look/walk-commits.ts';
import type { Moment } from './desk.ts';
import { findEntry } from './show-messages.ts';

/** Most commits listed; a message has few. */
const COMMITS_MAX = 100;
/** Clocks of those who commit differ. */
const SLACK_MS = 2 * DAY;

interface Committed {
  readonly commit: string;
  readonly author: string;
  readonly committer: string;
  readonly atMs: number;
  readonly subject: string;
}

/** The history of one message, oldest first. Throws NOT_FOUND and ID_AMBIGUOUS. */
export async function showHistory(moment: Moment, asked: string) {
  const { book, session } = moment;
  const entry = findEntry(moment, asked);
  const commits: Committed[] = [];
  if (book.tip === null) return { commits };
  const members = book.threads().of.get(entry.path)?.members ?? [];
  const replies = members.filter(({ replyTo }) => replyTo === entry.path);
  await walkCommits(
    {
      session,
      from: null,
      to: book.tip,
      only: [`--since=${formatIso(entry.atMs - SLACK_MS)}`],
      paths: [entry.path, ...replies.map(({ path }) => path)],
      fields: ['%H', '%an', '%cn', '%ct', '%s'],
      trailers: [],
    },
    ([commit = '', author = '', committer = '', seconds = '', subject = '']) => {
      if (commits.length < COMMITS_MAX)
        commits.push({ commit, author, committer, atMs: Number(seconds) * 1_000, subject });
    },
  );
  return { commits };
}
