/**
 * The questions that the page may ask, by path. Each answer is one JSON value, made once for a
 * state of things.
 */
import { ownValue } from '../base/own-value.ts';
import { lately } from './book.ts';
import { CrosstalkError } from '../base/errors.ts';
import { VERSION } from '../cli/version.ts';
import { describeTold, explainFrom } from '../cli/look/why.ts';
import { search } from './act.ts';
import type { Desk, Moment } from './desk.ts';
import { countAnswers } from './figures.ts';
import { showBody, showChannel, showChannels, showThread } from './show-messages.ts';
import { showNames, showStatus } from './show-status.ts';
import { showHistory } from './show-history.ts';
import { showHosts } from './show-hosts.ts';
import { showPushes } from './show-pushes.ts';
import { type EndedRuns, showRun, showRuns, whoAmI } from './show-runs.ts';

/**
 * Answers a GET below /api/. Throws NOT_FOUND for a question that nobody knows, and what the
 * reading throws.
 */
export type Answerer = (path: string, query: URLSearchParams) => Promise<unknown>;

/** A question and its answer, within a moment. */
type Question = (moment: Moment, query: URLSearchParams) => Promise<unknown>;

/** What is answered, by path; the page takes its types from here (told.ts). */
export function questionsOf({ invocation }: Desk, csrf: string) {
  const ended: EndedRuns = new Map();
  return {
    summary: async (moment: Moment) => {
      const { around, session } = moment;
      return {
        csrf,
        product: VERSION,
        me: await whoAmI(moment, invocation),
        host: session.config.alias,
        remote: session.located.url,
        branch: session.branch,
        outage: around.outage,
        channels: await showChannels(moment),
        names: showNames(moment),
      };
    },
    status: (moment: Moment) => showStatus(moment, invocation),
    channel: (moment: Moment, query: URLSearchParams) =>
      showChannel(moment, query.get('name') ?? '', countOf(query, 'from', 0)),
    thread: (moment: Moment, query: URLSearchParams) =>
      showThread(
        moment,
        query.get('id') ?? '',
        query.has('from') ? countOf(query, 'from', 0) : null,
      ),
    body: (moment: Moment, query: URLSearchParams) => showBody(moment, query.get('id') ?? ''),
    runs: (moment: Moment) => showRuns(moment, ended),
    run: (moment: Moment, query: URLSearchParams) =>
      showRun(moment, invocation, query.get('id') ?? ''),
    hosts: (moment: Moment) => showHosts(moment, invocation),
    pushes: (moment: Moment) => showPushes(moment),
    why: async ({ around, session }: Moment, query: URLSearchParams) =>
      describeTold(await explainFrom(invocation, { ...around, session }, query.get('id') ?? '')),
    history: (moment: Moment, query: URLSearchParams) => showHistory(moment, query.get('id') ?? ''),
    charts: ({ book }: Moment, query: URLSearchParams) => {
      const by = query.get('by') === 'host' ? 'host' : 'model';
      const days = Math.min(366, Math.max(1, countOf(query, 'days', 30)));
      return Promise.resolve(countAnswers(book.entries.values(), by, lately(book, days)));
    },
    search: (_: Moment, query: URLSearchParams) => search(invocation, query),
  } satisfies Readonly<Record<string, Question>>;
}

/** `csrf`: the secret that the page shows when it changes something. */
export function createAnswerer(desk: Desk, csrf: string): Answerer {
  const questions: Readonly<Record<string, Question>> = questionsOf(desk, csrf);
  return async (path, query) => {
    const make = ownValue(questions, path);
    if (make === undefined)
      throw new CrosstalkError('NOT_FOUND', `nothing answers at /api/${path}`);
    query.sort();
    const ask = (): Promise<unknown> =>
      desk.answer(`${path}?${query.toString()}`, (moment) => make(moment, query));
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof CrosstalkError) || error.code !== 'NOT_FOUND') throw error;
      // A link may be younger than the last look.
      await desk.lookAgain();
      return ask();
    }
  };
}

function countOf(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CrosstalkError('USAGE', `${name} "${text}": expected a whole number`);
}
