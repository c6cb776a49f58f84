/**
 * `crosstalkd retry`: asks again, as a new message, those who failed, were lost, or are too late to
 * run on their own. What was said stays.
 */
import { formatIso, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { newUlid } from '../../base/ids.ts';
import { systemRandom } from '../../base/random.ts';
import { shellWord } from '../../base/shell-word.ts';
import { expandAddresses, formatAddress } from '../../protocol/address.ts';
import { isolationOf } from '../../protocol/isolation.ts';
import { wholePaths } from '../../protocol/attachments.ts';
import { messageId, newMessagePath } from '../../protocol/paths.ts';
import { type Invocation } from '../command.ts';
import { composeLetter, type Letter } from '../talk/compose-message.ts';
import { publishLetter } from '../talk/publish-letter.ts';
import { wantedNames } from './cancel.ts';
import { createExplainer } from '../look/explain-work.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import { readStates } from '../look/message-state.ts';
import { plain } from '../io.ts';
import { identifySender, type Sender } from '../talk/person.ts';
import { readSaid, type Said } from '../look/read-conversation.ts';
import { printDone } from '../look/reading.ts';
import { resolveId } from '../look/resolve-id.ts';
import { readRetries } from '../look/retries.ts';
import { shortId } from '../look/short-id.ts';
import type { TransportSession } from '../session/transport-session.ts';
import type { Reason } from '../../protocol/reason.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import { andThen, fixBy, orElse } from '../../base/fix.ts';

/** Sends a message again. Refuses while it is still awaited, and when it was retried already. */
export function retryMessage(invocation: Invocation): Promise<number> {
  return withRemote(invocation, async (around) => {
    const said = await readOriginal(around.session, invocation.args[0] ?? '');
    const recipients = await selectRecipients(around, said, wantedNames(invocation));
    const sender = await identifySender(invocation, around.session);
    const { path, commit } = await askAgain(around, { sender, said, recipients });
    const id = messageId(path);
    printDone(invocation, { id, path, retries: said.file.path, to: recipients.to, commit }, () =>
      plain(`asked ${recipients.to.join(', ')} again: ${id}\n  crosstalkd wait ${shellWord(id)}`),
    );
    return 0;
  });
}

interface Again {
  readonly sender: Sender;
  readonly said: Said;
  readonly recipients: Recipients;
  /** Said besides. */
  readonly more?: string | null;
}

/** Publishes a message that asks the same once more; gives its path and its commit. */
export async function askAgain(
  { session }: Surroundings,
  again: Again,
): Promise<{ readonly path: string; readonly commit: string }> {
  const { sender, said } = again;
  const letter = composeRetry(again);
  const commit = await publishLetter(session, { sender, letter }, { retries: said.file.path });
  return { path: letter.path, commit };
}

async function readOriginal(session: TransportSession, text: string): Promise<Said> {
  const found = await resolveId(session, text, 'retry');
  // The answer that failed names the question as well as the question itself does.
  const file = found.replyTo === null ? found : await resolveId(session, found.replyTo.path);
  const { said, unreadable } = await readSaid(session, [file]);
  const [broken] = unreadable;
  if (broken !== undefined)
    throw new CrosstalkError(
      'MESSAGE_REJECTED',
      `${file.path}:${broken.rejection.line}: found ${broken.rejection.found}; expected ${broken.rejection.expected}`,
      { fix: fixBy`crosstalkd lint ${file.path}` },
    );
  const [one] = said;
  if (one === undefined) throw new CrosstalkError('NOT_FOUND', `no message "${text}"`);
  if (
    one.message.fields.op === null &&
    one.message.fields.to.some(({ name }) => name === 'workflow')
  )
    throw new CrosstalkError('REFUSED', `${shortId(file.path)} is a workflow`, {
      fix: fixBy`crosstalkd workflow retry ${messageId(file.path)}`,
    });
  return one;
}

/** What was asked again is not asked twice: `newer` is. */
export function alreadyRetried(id: string, newer: string): CrosstalkError {
  return new CrosstalkError('REFUSED', `${id} was asked again already`, {
    fix: fixBy`crosstalkd why ${newer}`,
  });
}

interface Recipients {
  readonly to: readonly string[];
  /** True when the old message must be closed by the new one. */
  readonly closes: boolean;
}

async function selectRecipients(
  around: Surroundings,
  said: Said,
  wanted: readonly string[] | null,
): Promise<Recipients> {
  const { path } = said.file;
  const id = messageId(path);
  const [state] = await readStates(around.session, [said]);
  const explain = createExplainer(around);
  const open = around.works
    .filter(({ message }) => message.path === path)
    .map((work) => ({ name: work.recipient, standing: explain(work) }));
  const failed = (state?.replies ?? [])
    .filter(({ message }) => message.fields.failed)
    .map(({ file }) => file.replyTo?.recipient ?? '');
  const overdue = open.filter(({ standing }) => isOverdue(standing)).map(({ name }) => name);
  const missing = [...failed, ...overdue].filter((name) => wanted?.includes(name) ?? true);
  const retries =
    missing.length === 0 ? new Map<string, string>() : await readRetries(around.session, path);
  const chosen = missing.filter((name) => !retries.has(name));
  const [newer] = missing.flatMap((name) => retries.get(name) ?? []);
  if (chosen.length === 0 && newer !== undefined) throw alreadyRetried(id, newer);
  if (chosen.length === 0)
    throw nothingToRetry(id, { open, replies: state?.replies.length ?? 0, wanted });
  const pinned = expandAddresses(said.message.fields.to, around.index.models);
  const to = chosen.flatMap((name) => {
    const hosts = pinned.find((recipient) => recipient.name === name)?.hosts ?? null;
    return hosts === null ? [name] : hosts.map((host) => formatAddress({ name, host }));
  });
  return { to, closes: open.every(({ name }) => chosen.includes(name)) };
}

/** Nobody will run it any more as it is. */
function isOverdue({ kind }: Reason): boolean {
  return kind === 'stale' || kind === 'hops';
}

interface NotRetried {
  readonly open: readonly { readonly name: string; readonly standing: Reason }[];
  readonly replies: number;
  readonly wanted: readonly string[] | null;
}

function nothingToRetry(id: string, { open, replies, wanted }: NotRetried): CrosstalkError {
  const [waiting] = open.filter(({ name }) => wanted === null || wanted.includes(name));
  if (waiting !== undefined)
    return new CrosstalkError(
      'REFUSED',
      `${waiting.name} has not answered yet: it ${sayReason(waiting.standing)}`,
      {
        fix: orElse(
          andThen(fixBy`crosstalkd cancel ${id}`, fixBy`crosstalkd retry ${id}`),
          fixBy`crosstalkd wait ${id}`,
        ),
      },
    );
  return new CrosstalkError(
    'REFUSED',
    replies > 0 ? 'everybody asked has answered' : 'it asks nobody who could answer',
    { fix: orElse(fixBy`crosstalkd show ${id}`, fixBy`crosstalkd send --re ${id} -m TEXT`) },
  );
}

function composeRetry({ sender, said, recipients, more }: Again): Letter {
  const { fields, body } = said.message;
  const atMs = systemClock.wallMs();
  return composeLetter(
    newMessagePath(said.file.channel, atMs, newUlid({ wallMs: () => atMs }, systemRandom)),
    {
      to: recipients.to,
      from: sender.name,
      timestamp: formatIso(atMs),
      re: [said.file.path],
      subject: fields.subject ?? undefined,
      as: fields.as ?? undefined,
      // A person's decision starts over; an agent's continues counting.
      hops: sender.agent?.hops,
      wait: fields.wait,
      priority: fields.priority === 0 ? undefined : fields.priority,
      project: fields.project ?? undefined,
      files: wholePaths(said.file.path, fields.files),
      effects: fields.effects ?? undefined,
      ...isolationOf(said.message),
      timeout_minutes: fields.timeoutMinutes ?? undefined,
      idle_minutes: fields.idleMinutes ?? undefined,
      retries: recipients.closes ? said.file.path : undefined,
    },
    more == null ? body : `${body.trimEnd()}\n\n${more}\n`,
  );
}
