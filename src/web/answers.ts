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

/** `csrf`: the secret that the page shows when it changes something. */
export function createAnswerer(desk: Desk, csrf: string): Answerer {
  const ended: EndedRuns = new Map();
  const { invocation } = desk;
  const questions: Readonly<
    Record<string, (moment: Moment, query: URLSearchParams) => Promise<unknown>>
  > = {
    summary: async (moment) => {
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
    status: (moment) => showStatus(moment, invocation),
    channel: (moment, query) =>
      showChannel(moment, query.get('name') ?? '', countOf(query, 'from', 0)),
    thread: (moment, query) =>
      showThread(
        moment,
        query.get('id') ?? '',
        query.has('from') ? countOf(query, 'from', 0) : null,
      ),
    body: (moment, query) => showBody(moment, query.get('id') ?? ''),
    runs: (moment) => showRuns(moment, ended),
    run: (moment, query) => showRun(moment, invocation, query.get('id') ?? ''),
    hosts: (moment) => showHosts(moment, invocation),
    pushes: (moment) => showPushes(moment),
    why: async ({ around, session }, query) =>
      describeTold(await explainFrom(invocation, { ...around, session }, query.get('id') ?? '')),
    history: (moment, query) => showHistory(moment, query.get('id') ?? ''),
    charts: ({ book }, query) => {
      const by = query.get('by') === 'host' ? 'host' : 'model';
      const days = Math.min(366, Math.max(1, countOf(query, 'days', 30)));
      return Promise.resolve(countAnswers(book.entries.values(), by, lately(book, days)));
    },
    search: (_, query) => search(invocation, query),
  };
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
