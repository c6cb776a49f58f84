/**
 * `crosstalkd adopt`: a person publishes what an agent of this host said too late, or discards it.
 * The kept file is removed once that has landed.
 */
import { cleanOutput } from '../../agents/clean-output.ts';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { fixBy } from '../../base/fix.ts';
import { newUlid } from '../../base/ids.ts';
import { systemRandom } from '../../base/random.ts';
import { readLateFiles, removeLate } from '../../local/late.ts';
import {
  type Adopted,
  type Adoption,
  adoptAsReply,
  adoptBeside,
  withoutFiles,
} from '../../protocol/adopted.ts';
import { decodeMessage } from '../../protocol/message.ts';
import { attachmentFolder, messageId, newMessagePath, replyPath } from '../../protocol/paths.ts';
import type { Transaction } from '../../transport/transaction.ts';
import { given, type Invocation } from '../command.ts';
import { plain } from '../io.ts';
import { findLate, type LateSeen } from '../look/late-answers.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import { printDone } from '../look/reading.ts';
import { readPaths, readSaid, type Said } from '../look/read-conversation.ts';
import { resolveId } from '../look/resolve-id.ts';
import { shortId } from '../look/short-id.ts';
import { publishFor } from '../session/publish-for.ts';
import { REPLY } from '../session/sign-as-person.ts';
import { identifyPerson, type Sender } from '../talk/person.ts';
import { wantedNames } from './cancel.ts';

/** Publishes or discards late output of one message; exit 3 when none is kept here. */
export function adoptLate(invocation: Invocation): Promise<number> {
  return withRemote(invocation, async (around) => {
    const sender = await identifyPerson(invocation, around.session, 'publish what came too late');
    const found = await resolveId(around.session, invocation.args[0] ?? '');
    const file =
      found.replyTo === null ? found : await resolveId(around.session, found.replyTo.path);
    const kept = chooseOne(await findLate(around, file), {
      id: messageId(file.path),
      wanted: wantedNames(invocation),
    });
    if (given(invocation, 'discard')) return await discard(invocation, kept);
    const { said } = await readSaid(around.session, [file]);
    const [question] = said;
    if (question === undefined)
      throw new CrosstalkError('NOT_FOUND', `${file.path} cannot be read`, {
        fix: fixBy`crosstalkd why ${file.path}`,
      });
    return await publishKept(invocation, around, { sender, question, kept });
  });
}

/** The one that is meant: of one recipient, the newest whole answer before any other. */
function chooseOne(
  all: readonly LateSeen[],
  asked: { readonly id: string; readonly wanted: readonly string[] | null },
): LateSeen {
  const { id, wanted } = asked;
  const found = all.filter(({ of }) => wanted?.includes(of.recipient) ?? true);
  const names = [...new Set(found.map(({ of }) => of.recipient))];
  if (names.length > 1)
    throw new CrosstalkError('USAGE', `${names.join(' and ')} answered ${id} too late`, {
      fix: fixBy`crosstalkd adopt ${id} --to ${names[0] ?? ''}`,
    });
  const kept = found.find(({ of }) => of.form === 'answer') ?? found[0];
  if (kept !== undefined) return kept;
  throw new CrosstalkError('NOT_FOUND', `nothing late is kept on this host for ${id}`, {
    fix: fixBy`crosstalkd why ${id}`,
  });
}

interface Chosen {
  readonly sender: Sender;
  readonly question: Said;
  readonly kept: LateSeen;
}

async function publishKept(
  invocation: Invocation,
  around: Surroundings,
  { sender, question, kept }: Chosen,
): Promise<number> {
  const adoption = await describe(around, { sender, question, kept });
  const standing = await readStanding(around, adoption);
  const to = around.index.models.includes(question.from) ? sender.name : question.from;
  const path = newMessagePath(
    adoption.channel,
    adoption.atMs,
    newUlid({ wallMs: () => adoption.atMs }, systemRandom),
  );
  const beside = { path, to, isAfterFailure: standing?.message.fields.failed ?? false };
  const forms = {
    reply: adoptAsReply(adoption),
    alone: adoptAsReply(withoutFiles(adoption)),
    beside: adoptBeside(adoption, beside),
  };
  let done = forms.reply;
  const transaction = transactionOf(sender, adoption, { ...forms, took: (form) => (done = form) });
  await publishFor(around.session, [transaction], REPLY);
  await removeLate(kept.path);
  const told = { id: messageId(done.path), path: done.path, recipient: adoption.recipient };
  const isReply = done !== forms.beside;
  printDone(invocation, { ...told, is_reply: isReply }, () =>
    plain(
      isReply
        ? `${shortId(adoption.message)} is answered late, by hand, with what ${adoption.recipient} said`
        : `a reply is there already; what ${adoption.recipient} said is beside it: ${told.id}`,
    ),
  );
  return 0;
}

function transactionOf(
  sender: Sender,
  { message: asked, recipient, atMs }: Adoption,
  forms: {
    readonly reply: Adopted;
    /** For when something stands in the place of its files. */
    readonly alone: Adopted;
    readonly beside: Adopted;
    readonly took: (form: Adopted) => void;
  },
): Transaction {
  const { identity } = sender;
  return {
    name: `adopt ${asked}`,
    fences: [],
    decide: async (view) => {
      const path = replyPath(asked, recipient);
      const [standing, inTheWay] = await view.lookUp([path, attachmentFolder(path)]);
      const asReply = inTheWay == null ? forms.reply : forms.alone;
      const form = standing == null ? asReply : forms.beside;
      forms.took(form);
      const { writes, message } = form;
      return [{ writes, author: identity, committer: identity, atMs, message }];
    },
  };
}

async function readStanding(
  { session }: Surroundings,
  { message, recipient }: Adoption,
): Promise<Said | undefined> {
  return (await readPaths(session, [replyPath(message, recipient)]))[0];
}

async function describe(
  { session }: Surroundings,
  { sender, question, kept }: Chosen,
): Promise<Adoption> {
  const { of, text, path } = kept;
  const { recipient, host = session.config.alias, attempt, form } = of;
  const read = form === 'part' ? null : decodeMessage(Buffer.from(text));
  if (form === 'failure' || read?.kind === 'rejected')
    throw new CrosstalkError('REFUSED', `what is kept is not an answer: ${path}`, {
      fix: fixBy`crosstalkd adopt ${messageId(question.file.path)} --to ${recipient} --discard`,
    });
  const files = form === 'answer' ? await readLateFiles(kept) : [];
  return {
    message: question.file.path,
    channel: question.file.channel,
    asker: question.from,
    hops: question.message.fields.hops,
    recipient,
    host,
    attempt,
    isPart: form === 'part',
    text: read === null ? cleanOutput(Buffer.from(text)).text : read.message.body,
    files,
    filesLost: Math.max(0, (read?.message.fields.files.length ?? 0) - files.length),
    by: sender.name,
    atMs: systemClock.wallMs(),
  };
}

async function discard(invocation: Invocation, kept: LateSeen): Promise<number> {
  await removeLate(kept.path);
  const { message, recipient } = kept.of;
  const id = messageId(message);
  printDone(invocation, { id, recipient, discarded: kept.path }, () =>
    plain(`discarded what ${recipient} said too late to ${id}`),
  );
  return 0;
}
