/**
 * `crosstalkd ask`: an agent asks a person and ends its turn. The answer, a reply to the question,
 * wakes it in the same thread: on the host where it has its session, or elsewhere with what was
 * said.
 */
import { formatIso, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { fixBy, fixByHand } from '../../base/fix.ts';
import { newUlid } from '../../base/ids.ts';
import { systemRandom } from '../../base/random.ts';
import { RESERVED_NAMES } from '../../protocol/names.ts';
import { channelOf, messageId, newMessagePath } from '../../protocol/paths.ts';
import { given, type Invocation, option } from '../command.ts';
import { plain } from '../io.ts';
import { readSaid } from '../look/read-conversation.ts';
import { printDone, withSession } from '../look/reading.ts';
import { resolveId } from '../look/resolve-id.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { composeLetter } from './compose-message.ts';
import { type AgentContext, identifySender } from './person.ts';
import { publishLetter } from './publish-letter.ts';
import { parseRecipients, refuseUnknown } from './recipients.ts';
import { refuseForbidden, refuseTooFar } from './send-limits.ts';

const TEXT_MAX = 64_000;

/** Asks a person. Only agents call it: they alone have a turn that an answer can wake. */
export function askPerson(invocation: Invocation): Promise<number> {
  if (given(invocation, 'permission'))
    return import('./ask-permission.ts').then(({ askPermission }) => askPermission(invocation));
  return withSession(invocation, async (session) => {
    const sender = await identifySender(invocation, session);
    const { agent } = sender;
    if (agent === null)
      throw new CrosstalkError('USAGE', 'ask is for agents, inside an attempt', {
        fix: fixBy`crosstalkd send --to NAME -m TEXT`,
      });
    refuseTooFar(session, sender);
    const text = (option(invocation, 'message') ?? (await invocation.io.readStdin())).trim();
    if (text === '' || text.length > TEXT_MAX)
      throw new CrosstalkError('USAGE', `the question has ${text.length} characters`, {
        fix: fixBy`crosstalkd ask -m TEXT`,
      });
    const { path, to } = await findPerson(invocation, session, agent);
    refuseForbidden(sender, [{ name: to, host: null }]);
    const atMs = systemClock.wallMs();
    const ulid = newUlid({ wallMs: () => atMs }, systemRandom);
    const letter = composeLetter(
      newMessagePath(channelOf(path) ?? '', atMs, ulid),
      {
        to: [to],
        from: sender.name,
        timestamp: formatIso(atMs),
        re: [path],
        hops: agent.hops,
        asks: 'answer',
        host: session.config.alias,
      },
      `${text}\n`,
    );
    await publishLetter(session, { sender, letter }, { asks: letter.path });
    const id = messageId(letter.path);
    const next = `end your turn now and say that you wait for ${to}; the answer wakes you`;
    printDone(invocation, { id, path: letter.path, to, next }, () =>
      plain(`asked ${to}: ${id}\n  ${next}`),
    );
    return 0;
  });
}

/** Who is asked, and the message that the agent works on. Throws REFUSED for models. */
async function findPerson(
  invocation: Invocation,
  session: TransportSession,
  agent: AgentContext,
): Promise<{ readonly path: string; readonly to: string }> {
  const { said } = await readSaid(session, [await resolveId(session, agent.message)]);
  const [question] = said;
  if (question === undefined)
    throw new CrosstalkError('NOT_FOUND', `${agent.message} does not exist any more`);
  const { models, called } = session.mirror.index();
  const to = parseRecipients([option(invocation, 'to') ?? question.from], called);
  const asked = to.map(({ name }) => name).join(', ');
  if (to.some(({ name }) => models.includes(name) || RESERVED_NAMES.includes(name)))
    throw new CrosstalkError('REFUSED', `"${asked}" is not a person`, {
      fix: fixByHand('name a person with --to, or ask a model with crosstalkd send --wait'),
    });
  await refuseUnknown(session, to);
  return { path: question.file.path, to: asked };
}
