/**
 * `crosstalkd answer`: a person's answer to a question of an agent, as the reply beside it: a yes
 * or no that an agent waits for, or a text that wakes the one that asked.
 */
import { formatIso, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { fixBy, orElse, withNote } from '../../base/fix.ts';
import { oneLine } from '../../base/plain-text.ts';
import { messageId, replyPath } from '../../protocol/paths.ts';
import { textForLog } from '../../protocol/reply.ts';
import { formatTrailers } from '../../protocol/trailers.ts';
import { yesOrNo } from '../../protocol/yes-or-no.ts';
import type { Transaction } from '../../transport/transaction.ts';
import { type Invocation, option } from '../command.ts';
import { plain } from '../io.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import { printDone } from '../look/reading.ts';
import { readSaid, type Said } from '../look/read-conversation.ts';
import { resolveId } from '../look/resolve-id.ts';
import { commitBy, publishFor } from '../session/publish-for.ts';
import { DECISION } from '../session/sign-as-person.ts';
import { formatSubject } from '../../protocol/subject.ts';
import { composeLetter, type Letter } from '../talk/compose-message.ts';
import { identifyPerson, type Sender } from '../talk/person.ts';
import { needsOf } from '../talk/publish-letter.ts';

/** Answers a question, named by its id or by that of the message that its agent works on. */
export function answerQuestion(invocation: Invocation): Promise<number> {
  return withRemote(invocation, async (around) => {
    const sender = await identifyPerson(
      invocation,
      around.session,
      'answer what a person is asked',
    );
    const question = await findQuestion(around, invocation.args[0] ?? '');
    const by = nameFor(question, sender);
    const words = wordsOf(invocation, question);
    const answer = composeAnswer(question, by, words);
    // The answer that an agent waits for decides; the other is a message to it.
    const needs =
      question.message.fields.asks === 'permission'
        ? { ...DECISION, from: by }
        : needsOf(around.session, answer, by);
    const transaction = answerTransaction(sender, { question, answer, words });
    const [outcome] = await publishFor(around.session, [transaction], needs);
    const id = messageId(question.file.path);
    if (outcome?.kind === 'dropped')
      throw new CrosstalkError('REFUSED', `${by} has answered ${id} already`, {
        fix: fixBy`crosstalkd show ${id}`,
      });
    const told = { id, by, says: words.says };
    printDone(invocation, told, () => plain(`answered ${question.from} as ${by}: ${words.says}`));
    return 0;
  });
}

async function findQuestion(around: Surroundings, asked: string): Promise<Said> {
  const { session, questions } = around;
  const file = await resolveId(session, asked, 'approve');
  const works = around.works.filter(({ message }) => message.path === file.path);
  const open = works.flatMap(({ key }) => questions.get(key)?.path ?? []);
  const path = open[0] ?? file.path;
  const { said } = await readSaid(session, [
    path === file.path ? file : await resolveId(session, path),
  ]);
  const [question] = said;
  const { asks } = question?.message.fields ?? {};
  if (question === undefined || asks == null || question.file.replyTo !== null)
    throw new CrosstalkError(
      'REFUSED',
      `${messageId(file.path)} has no open question for a person`,
      {
        fix: orElse(fixBy`crosstalkd why ${asked}`, fixBy`crosstalkd send --re ${asked} -m TEXT`),
      },
    );
  const isOpen = [...questions.values()].some((one) => one.path === question.file.path);
  if (asks === 'permission' && !isOpen)
    throw new CrosstalkError('REFUSED', `${messageId(path)} needs no answer any more`, {
      fix: fixBy`crosstalkd why ${messageId(path)}`,
    });
  await refuseEdited(session, question);
  return question;
}

/** What was changed since an agent asked it says nothing of what the agent would do. */
async function refuseEdited(
  { repository, mirror }: Surroundings['session'],
  { file }: Said,
): Promise<void> {
  const { tip } = mirror.index();
  if (tip === null) return;
  // The oldest: who removes a question and writes it again has changed it as well.
  const writes = await repository.findWrites([file.path], { from: null, to: tip });
  const commit = writes.get(file.path)?.at(-1);
  const [asked] = commit === undefined ? [] : await repository.lookUp(commit, [file.path]);
  if (asked == null || asked.oid === file.blob) return;
  throw new CrosstalkError(
    'REFUSED',
    `${messageId(file.path)} was edited after it was asked: it may no longer say what the agent wants`,
    { fix: fixBy`git log -p -- ${file.path}` },
  );
}

/** The name under which the sender was asked. Throws REFUSED for anybody else. */
function nameFor({ file, message }: Said, { names, name: sender }: Sender): string {
  const people = message.fields.to.map(({ name }) => name);
  const name = people.find((one) => names.includes(one));
  if (name !== undefined) return name;
  throw new CrosstalkError(
    'REFUSED',
    `${messageId(file.path)} asks ${people.join(', ')}; you are "${sender}"`,
    {
      fix: withNote(
        fixBy`crosstalkd answer ${messageId(file.path)} --from ${people[0] ?? 'NAME'}`,
        'if that is you',
      ),
    },
  );
}

interface Words {
  readonly says: string;
  readonly body: string;
}

/** Throws USAGE for what would not count. */
function wordsOf(invocation: Invocation, question: Said): Words {
  const choice = invocation.args[1] ?? '';
  const text = option(invocation, 'message') ?? '';
  const body = [choice, text].filter((part) => part !== '').join('\n\n');
  const id = messageId(question.file.path);
  const isPermission = question.message.fields.asks === 'permission';
  const says = isPermission ? yesOrNo(body) : body === '' ? null : 'answer';
  if (says !== null) return { says, body };
  const found = body === '' ? 'nothing' : JSON.stringify(oneLine(body, 60));
  throw new CrosstalkError(
    'USAGE',
    isPermission
      ? `${id} takes approve or deny; found ${found}`
      : `${id} asks for a text; found nothing`,
    {
      fix: isPermission
        ? orElse(fixBy`crosstalkd answer ${id} approve`, fixBy`crosstalkd answer ${id} deny`)
        : fixBy`crosstalkd answer ${id} -m TEXT`,
    },
  );
}

function composeAnswer({ file, from, message }: Said, by: string, { body }: Words): Letter {
  const fields = {
    ...{ to: [from], from: by, re: [file.path], timestamp: formatIso(systemClock.wallMs()) },
    // Where it has its session.
    dispatch_host: message.fields.host ?? undefined,
  };
  return composeLetter(replyPath(file.path, by), fields, `${body}\n`);
}

function answerTransaction(
  { identity, name }: Sender,
  {
    question: { file, from },
    answer: { path, content, message },
    words,
  }: { readonly question: Said; readonly answer: Letter; readonly words: Words },
): Transaction {
  const subject = formatSubject(`${message.fields.from ?? name} → ${from}: ${words.body}`);
  const trailers = formatTrailers([
    ['Re', messageId(file.path)],
    ['Channel', file.channel],
  ]);
  return commitBy({ identity, name: `answer ${path}`, unless: path }, () => ({
    writes: [{ path, content }],
    message: `${subject}

${textForLog(words.body)}

${trailers}`,
  }));
}
