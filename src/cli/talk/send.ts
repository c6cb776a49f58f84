/**
 * `crosstalkd send`: publishes one message from the object database. The clone's work tree, index
 * and branches are not touched.
 */
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { sendControl } from '../../local/control-client.ts';
import type { CommitDraft } from '../../transport/repository.ts';
import type { TipView } from '../../transport/transaction.ts';
import { formatAddress } from '../../protocol/address.ts';
import { archivedPath, channelOf, messageId } from '../../protocol/paths.ts';
import { type Invocation, option } from '../command.ts';
import { type Letter, composeCommitMessage } from './compose-message.ts';
import { identifySender, type Sender } from './person.ts';
import { durationValue, printGood, wantsJson, withSession } from '../look/reading.ts';
import { refuseStranger, refuseUnknown, warnAboutHosts } from './recipients.ts';
import { refuseForbidden, refuseTooFar } from './send-limits.ts';
import { readDraft } from './read-draft.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { publishFor } from '../session/publish-for.ts';
import { needsOf } from './publish-letter.ts';
import { tellAnswers, WAIT_DEFAULT, waitForReplies } from './wait.ts';
import { given } from '../command.ts';
import { fixBy, withNote } from '../../base/fix.ts';

/** A dispatcher that does not take a wake-up at once will find the message on its own. */
const WAKE_MS = 1_000;

/** Sends a message and, with --wait, prints the answers. `host`: the one that goes first. */
export function sendMessage(invocation: Invocation, host: string | null = null): Promise<number> {
  const waitMs = given(invocation, 'wait')
    ? durationValue(option(invocation, 'wait') || WAIT_DEFAULT, '--wait')
    : null;
  return withSession(invocation, async (session) => {
    const sender = await identifySender(invocation, session);
    refuseTooFar(session, sender);
    const draft = await readDraft(invocation, session, { sender, waits: waitMs !== null, host });
    const commit = await draft.keeping(async () => {
      const { to, as } = draft.letter.message.fields;
      refuseForbidden(sender, to);
      await refuseStranger(session, as);
      if (!given(invocation, 'force')) await refuseUnknown(session, to);
      return publishLetter(session, sender, draft.letter);
    });
    await draft.done();
    const woken = await sendControl(
      session.directory.path,
      { op: 'wake' },
      { timeoutMs: WAKE_MS },
    ).catch(() => undefined);
    const { letter } = draft;
    for (const warning of [
      ...warnAboutHosts(session, letter.message.fields.to),
      ...letter.message.warnings,
    ])
      invocation.io.warn(warning);
    if (waitMs === null)
      return tellSent(invocation, { path: letter.path, commit, notes: draft.notes });
    if (!wantsJson(invocation))
      for (const line of [`sent ${messageId(letter.path)}`, ...draft.notes])
        invocation.io.warn(line);
    const isServed = woken?.kind === 'answered' || sender.agent !== null;
    const names = letter.message.fields.to.map(({ name }) => name);
    const answers = await waitForReplies(invocation, session, {
      path: letter.path,
      limitMs: waitMs,
      ...(isServed
        ? {}
        : {
            answer: async () => {
              const { answerHere } = await import('../begin/answer-here.ts');
              return answerHere(invocation, session, { path: letter.path, names });
            },
          }),
    });
    return tellAnswers(invocation, answers, { commit });
  });
}

async function publishLetter(
  session: TransportSession,
  sender: Sender,
  letter: Letter,
): Promise<string> {
  const from = letter.message.fields.from ?? sender.name;
  const seen = { isOccupied: false };
  const transaction = {
    name: `send ${letter.path}`,
    fences: [],
    decide: async (view: TipView) => {
      const writes = await writesOf(view, letter);
      seen.isOccupied = writes === null;
      return writes === null ? null : [draftOf(sender, letter, { writes, from })];
    },
  };
  const [outcome] = await publishFor(session, [transaction], needsOf(session, letter, from));
  const commit = outcome?.kind === 'landed' ? outcome.commits[0] : undefined;
  if (commit !== undefined) return commit;
  throw new CrosstalkError(
    seen.isOccupied ? 'ALREADY_EXISTS' : 'INTERNAL',
    seen.isOccupied
      ? `${letter.path} was sent already; a sent message never changes`
      : `${letter.path} did not land`,
    {
      fix: withNote(
        fixBy`crosstalkd show ${letter.path}`,
        'and give the new text another file name',
      ),
    },
  );
}

/** The letter with its files; null: it stands there already. Throws REFUSED for an archive. */
async function writesOf(view: TipView, letter: Letter): Promise<CommitDraft['writes'] | null> {
  const { path, content, attachments = [] } = letter;
  const channel = channelOf(path) ?? '';
  const places = [path, archivedPath(channel), ...attachments.map((one) => one.path)];
  const [standing, archived, ...files] = await view.lookUp(places);
  if (archived != null)
    throw new CrosstalkError(
      'REFUSED',
      `the channel "${channel}" is archived: nobody would answer there`,
      {
        fix: withNote(
          fixBy`crosstalkd archive --undo ${channel}`,
          'or send it to another one with --channel',
        ),
      },
    );
  if (standing != null) return null;
  // What stands there already was said before, and is what the message means.
  const added = attachments.filter((_, at) => files[at] == null);
  return [{ path, content }, ...added.map((one) => ({ path: one.path, content: one.bytes }))];
}

function draftOf(
  { identity }: Sender,
  letter: Letter,
  { writes, from }: Pick<CommitDraft, 'writes'> & { readonly from: string },
): CommitDraft {
  const to = letter.message.fields.to.map(formatAddress).join(', ');
  const message = composeCommitMessage(letter, { from, to, channel: channelOf(letter.path) ?? '' });
  return { writes, author: identity, committer: identity, atMs: systemClock.wallMs(), message };
}

/** Prints what was sent. */
export function tellSent(
  invocation: Invocation,
  sent: { readonly path: string; readonly commit: string; readonly notes: readonly string[] },
): number {
  const { path } = sent;
  if (wantsJson(invocation)) {
    printGood(invocation, { id: messageId(path), path, commit: sent.commit, notes: sent.notes });
    return 0;
  }
  invocation.io.print(`sent ${messageId(path)}`);
  invocation.io.print(`  ${path}`);
  for (const note of sent.notes) invocation.io.warn(note);
  return 0;
}
