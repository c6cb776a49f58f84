/**
 * `crosstalkd log`: the conversation, one line a message, oldest of the newest first; -f continues
 * with what comes.
 */
import { CrosstalkError } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import { given, type Invocation } from '../command.ts';
import { findChannel } from './channel-names.ts';
import { createFilter, requireChannel } from './filters.ts';
import { followTip } from './follow-tip.ts';
import { readStates } from './message-state.ts';
import {
  foldFailures,
  formatLines,
  formatUnreadable,
  type Shown,
  toJson,
  unreadableToJson,
  withNews,
} from './print-message.ts';
import {
  inOrder,
  listFiles,
  readNewest,
  readPaths,
  readSaid,
  type Said,
  type Unreadable,
} from './read-conversation.ts';
import { countOption, printJson, tipOf, wantsJson, withSession } from './reading.ts';
import { oneOfEachRun, readBegun, runOfSaid } from './fold-runs.ts';
import { fixLines, type Io, paint } from '../io.ts';
import { counted, sayReason } from '../../protocol/say-reason.ts';
import { fixOf } from '../../protocol/remedy.ts';
import { resolveId } from './resolve-id.ts';
import { followMessage } from './show-transcript.ts';
import type { TransportSession } from '../session/transport-session.ts';

const COUNT_DEFAULT = 20;

/** Prints the newest messages, and with -f every later one. */
export function showLog(invocation: Invocation): Promise<number> {
  if (given(invocation, 'follow') && wantsJson(invocation))
    throw new CrosstalkError('USAGE', 'log: --follow never ends, and --json prints one object', {
      fix: 'crosstalkd log --json',
    });
  return withSession(invocation, async (session) => {
    const message = given(invocation, 'follow')
      ? await findMessage(session, invocation.args[0])
      : null;
    if (message !== null) return followMessage(invocation, session, message);
    const filter = createFilter(invocation, session);
    const channel = await requireChannel(session, invocation.args[0] ?? null);
    // A run that is asked for is listed whole.
    const isWhole = wantsJson(invocation) || given(invocation, 'all');
    const isFolded = channel === null && !isWhole;
    const newest = await readNewest(session, {
      channel,
      max: countOption(invocation, 'number', COUNT_DEFAULT),
      filter: isFolded ? oneOfEachRun(filter) : filter,
    });
    const { said } = newest;
    const shown = await withStates(session, said);
    if (wantsJson(invocation))
      printJson(invocation, {
        ok: true,
        health: newest.unreadable.length === 0 ? 'good' : 'degraded',
        messages: shown.map((one) => toJson(one, { withBody: false })),
        rejected: newest.unreadable.map(unreadableToJson),
        more: newest.more,
      });
    else {
      const some = isWhole ? shown : foldFailures(shown, () => false);
      const lines = isFolded ? await foldLines(session, shown) : some;
      for (const line of formatLines(invocation.io, lines)) invocation.io.print(line);
      warnOfUnreadable(invocation.io, newest.unreadable);
      if (shown.length === 0) invocation.io.warn('no messages');
    }
    if (given(invocation, 'follow'))
      // What comes while somebody watches is printed as it comes, the tasks of runs too.
      await follow(invocation, session, { channel, fits: filter.fits });
    return shown.length === 0 ? 3 : 0;
  });
}

/** The message that an argument names, unless it names a channel. */
async function findMessage(
  session: TransportSession,
  text: string | undefined,
): Promise<string | null> {
  if (text === undefined || (await findChannel(session, text)) !== null) return null;
  try {
    const { path, replyTo } = await resolveId(session, text);
    return replyTo?.path ?? path;
  } catch (error) {
    // What is neither is refused as a channel, with what it could be.
    if (error instanceof CrosstalkError && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

async function follow(
  invocation: Invocation,
  session: TransportSession,
  wanted: { readonly channel: string | null; readonly fits: (said: Said) => boolean },
): Promise<void> {
  const { io } = invocation;
  let from: Oid = tipOf(session);
  await followTip(session, {
    onTip: async () => {
      const to = tipOf(session);
      const files = await listFiles(session.repository, { from, to, channel: wanted.channel });
      const { said, unreadable } = await readSaid(session, files, { from });
      from = to;
      for (const line of formatLines(
        io,
        await withStates(session, inOrder(said.filter(wanted.fits))),
      ))
        io.print(line);
      warnOfUnreadable(io, unreadable);
      return false;
    },
    onOutage: (line) => io.warn(line),
    untilMs: null,
  });
}

/**
 * One line for one thing: what a run said stands in the line of the message that began it, which is
 * read where it is older; a failure in the line of the message that has no answer.
 */
async function foldLines(
  session: TransportSession,
  shown: readonly Shown[],
): Promise<readonly Shown[]> {
  const paths = new Set(shown.map(({ said }) => said.file.path));
  const told = new Map<string, string>();
  const lines: Shown[] = [];
  for (const one of shown) {
    const run = runOfSaid(one.said);
    const { marker, tasks } = run === null ? NOTHING : await readBegun(session, run);
    if (marker !== null) told.set(marker, `(${run ?? ''}: ${counted(tasks, 'task')})`);
    if (marker !== null && paths.has(marker)) continue;
    const begun = marker === null ? [] : await readPaths(session, [marker]);
    const [line = one] = await withStates(session, begun);
    lines.push({ ...line, said: { ...line.said, atMs: one.said.atMs } });
  }
  const news = lines.map((line) => {
    const run = told.get(line.said.file.path);
    return run === undefined ? line : withNews(line, run);
  });
  return foldFailures(news, () => false);
}

const NOTHING = { marker: null, tasks: 0 } as const;

/** More files than these that are not messages become one line. */
const UNREADABLE_MAX = 2;

function warnOfUnreadable(io: Io, files: readonly Unreadable[]): void {
  if (files.length <= UNREADABLE_MAX) for (const file of files) io.warn(formatUnreadable(io, file));
  else {
    const reason = { kind: 'files-rejected', count: files.length } as const;
    io.warn(`${paint(io, 'red', sayReason(reason))}:`);
    for (const line of fixLines(io, fixOf(reason), '  ')) io.warn(line);
  }
}

async function withStates(
  session: TransportSession,
  said: readonly Said[],
): Promise<readonly Shown[]> {
  const states = await readStates(session, said);
  return said.flatMap((one, at) => {
    const state = states[at];
    return state === undefined ? [] : [{ said: one, state }];
  });
}
