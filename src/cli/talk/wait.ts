/**
 * `crosstalkd wait <id>`: until every model asked has answered; also what `send --wait` does after
 * it has sent.
 */
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { formatDuration } from '../../base/duration.ts';
import { shellWord } from '../../base/shell-word.ts';
import { messageId, parseMessagePath, replyPath } from '../../protocol/paths.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { RefListing } from '../../transport/repository.ts';
import type { Invocation } from '../command.ts';
import type { Askable } from '../../protocol/who-can-be-asked.ts';
import { tellWaiting } from '../look/bus.ts';
import { readAskable } from '../look/askable.ts';
import { followTip } from '../look/follow-tip.ts';
import { helpLines, paint } from '../io.ts';
import { type Answer, openNames, readStates } from '../look/message-state.ts';
import { bodyOf, replyFacts, whoSaid } from '../look/print-message.ts';
import { readSaid } from '../look/read-conversation.ts';
import { durationValue, printJson, tipOf, wantsJson, withSession } from '../look/reading.ts';
import { resolveId } from '../look/resolve-id.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { unreachable } from '../session/remote-errors.ts';
import { fixBy } from '../../base/fix.ts';

/** How long is waited when nothing is said about it. */
export const WAIT_DEFAULT = '10m';
/** Without a claim for this long, a person learns how to find out why. */
const HINT_MS = 5_000;

/** Waits for the answers to a message and prints them. */
export function waitForMessage(invocation: Invocation): Promise<number> {
  const limitMs = durationValue(invocation.args[1] ?? WAIT_DEFAULT, 'wait');
  return withSession(invocation, async (session) => {
    const file = await resolveId(session, invocation.args[0] ?? '');
    const path = file.replyTo?.path ?? file.path;
    const answers = await waitForReplies(invocation, session, { path, limitMs });
    if (answers.replies.length === 0 && answers.pending.length === 0)
      throw nothingToWaitFor(session, path);
    return tellAnswers(invocation, answers, {});
  });
}

function nothingToWaitFor(session: TransportSession, path: string): CrosstalkError {
  const unknown = openNames(session, path);
  const why =
    unknown.length === 0
      ? 'asks no model: there is nothing to wait for'
      : `asks ${unknown.join(', ')}, but no model and no host that is up has that name: nothing would answer`;
  return new CrosstalkError('NOT_FOUND', `${messageId(path)} ${why}`, {
    fix: fixBy`crosstalkd why ${path}`,
  });
}

/** What came within the time. `pending`: the names that have not answered. */
export interface Answers {
  readonly path: string;
  readonly replies: readonly Answer[];
  readonly pending: readonly string[];
  /** Replies in place of those that this host ignores: no host that it knows has signed them. */
  readonly unsigned: readonly string[];
  readonly limitMs: number;
}

interface Waiting {
  readonly path: string;
  readonly limitMs: number;
  /** Answers in this process; false when another one of this host has to end first. */
  readonly answer?: () => Promise<boolean>;
}

/**
 * Waits until nobody is awaited any more or the time is up. Throws REMOTE_UNREACHABLE when the
 * remote was out of view at the end.
 */
export async function waitForReplies(
  invocation: Invocation,
  session: TransportSession,
  { answer, ...wait }: Waiting,
): Promise<Answers> {
  const { io } = invocation;
  const startedMs = systemClock.monotonicMs();
  const askable = await readAskable(session);
  const pending = (): readonly string[] => pendingOf(session, wait.path, askable);
  let isHinted = false;
  let isTold = false;
  const hint = (listing: RefListing): void => {
    if (!isTold && systemClock.monotonicMs() - startedMs >= HINT_MS) {
      isTold = true;
      void tellWaiting(session).then(
        (line) => line !== null && io.warn(line),
        () => undefined,
      );
    }
    const isClaimed = [...listing.refs.keys()].some((ref) => ref.startsWith(session.refs.claims));
    if (isHinted || isClaimed || systemClock.monotonicMs() - startedMs < HINT_MS) return;
    isHinted = true;
    io.warn(`no host has taken it yet; to see why: crosstalkd why ${shellWord(wait.path)}`);
  };
  let isTried = answer === undefined || pending().length === 0 || (await answer());
  if (pending().length > 0) {
    const end = await followTip(session, {
      onTip: () => Promise.resolve(pending().length === 0),
      onQuiet: async (listing) => {
        hint(listing);
        if (answer === undefined || isTried) return false;
        isTried = await answer();
        return pending().length === 0;
      },
      onOutage: (line) => io.warn(line),
      untilMs: startedMs + wait.limitMs,
      signal: invocation.signal,
    });
    if (end === 'unreachable')
      throw unreachable(session.located.url, `no answer within ${formatDuration(wait.limitMs)}`);
  }
  const missing = pending();
  const { forged } = session.mirror.index();
  return {
    ...wait,
    replies: await readReplies(session, wait.path),
    pending: missing,
    unsigned: missing.map((name) => replyPath(wait.path, name)).filter((path) => forged.has(path)),
  };
}

/**
 * Prints answers and gives the exit code: 0 all answered, 1 one of them failed, 3 not all came in
 * time.
 */
export function tellAnswers(
  invocation: Invocation,
  answers: Answers,
  more: Readonly<Record<string, unknown>>,
): number {
  const { io } = invocation;
  const failed = answers.replies.filter(({ message }) => message.fields.failed);
  const code = answers.pending.length > 0 ? 3 : failed.length > 0 ? 1 : 0;
  if (wantsJson(invocation)) {
    printJson(invocation, {
      ok: code === 0,
      health: code === 0 ? 'good' : 'degraded',
      id: messageId(answers.path),
      path: answers.path,
      ...more,
      replies: answers.replies.map((reply) => ({
        path: reply.file.path,
        from: reply.from,
        state: reply.state,
        ...replyFacts(reply),
        body: reply.message.body,
      })),
      pending: answers.pending,
      unsigned: answers.unsigned,
    });
    return code;
  }
  const isAlone = answers.replies.length + answers.pending.length === 1;
  for (const reply of answers.replies.filter(({ message }) => !message.fields.failed)) {
    if (!isAlone) io.print(paint(io, 'bold', `── ${whoSaid(reply)}`));
    io.print(bodyOf(reply));
  }
  for (const reply of failed) {
    const { error } = reply.message.fields;
    const why = error === 'workflow' ? '' : ` (${oneLine(error ?? 'no reason given', 80)})`;
    io.warn(`${paint(io, 'red', `${whoSaid(reply)} failed${why}:`)} ${bodyOf(reply)}`);
  }
  for (const { from, file } of answers.replies.filter(({ state }) => state === 'edited')) {
    io.warn(`the answer of ${oneLine(from, 80)} was edited since it was written`);
    for (const line of helpLines(io, fixBy`git log -p -- ${file.path}`)) io.warn(line);
  }
  // The answer of a run ends with what to do about it.
  if (failed.some(({ message }) => message.fields.model !== 'workflow'))
    for (const line of helpLines(io, fixBy`crosstalkd retry ${messageId(answers.path)}`))
      io.warn(line);
  for (const path of answers.unsigned)
    io.warn(`ignored, as no host known here has signed it: ${oneLine(path, 600)}`);
  if (answers.pending.length > 0)
    io.warn(
      `no answer from ${answers.pending.join(', ')} within ${formatDuration(answers.limitMs)}: crosstalkd why ${shellWord(answers.path)}`,
    );
  return code;
}

/**
 * Models that have not answered yet, also those that only hosts have. Names of people are no reason
 * to wait: nothing tells when a person is done.
 */
function pendingOf(session: TransportSession, path: string, { names }: Askable): readonly string[] {
  return openNames(session, path).filter((name) => names.includes(name) || name === 'workflow');
}

async function readReplies(session: TransportSession, path: string): Promise<readonly Answer[]> {
  const [entry] = await session.repository.lookUp(tipOf(session), [path]);
  const parsed = parseMessagePath(path);
  if (entry?.kind !== 'file' || parsed === null) return [];
  const { said } = await readSaid(session, [{ ...parsed, blob: entry.oid }]);
  return (await readStates(session, said)).flatMap(({ replies }) => replies);
}
