/**
 * `crosstalkd continue`: the last model of a thread continues, or another one, on another host. An
 * answer is followed by another message; what still waits for its answer, or has failed, is asked
 * again there, and begins with what was said so far.
 */
import { CrosstalkError } from '../../base/errors.ts';
import { andThen, fixBy, orElse } from '../../base/fix.ts';
import { isTask, type Work } from '../../protocol/list-work.ts';
import { messageId } from '../../protocol/paths.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import { type Invocation, option } from '../command.ts';
import { askAgain } from '../control/retry.ts';
import { createExplainer } from '../look/explain-work.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import type { Said } from '../look/read-conversation.ts';
import { readWholeThread } from '../look/thread.ts';
import { identifySender } from './person.ts';
import { parseRecipients, refuseUnknown, warnAboutHosts } from './recipients.ts';
import { sendMessage, tellSent } from './send.ts';

/** Sends it as `send` does, with its checks and its output. */
export function continueThread(invocation: Invocation): Promise<number> {
  const asked = invocation.args[0] ?? '';
  return withRemote(invocation, async (around) => {
    const { said } = await readWholeThread(around.session, asked);
    const model = option(invocation, 'as') ?? lastModel(said, around.index.models);
    const last = said.at(-1);
    if (last === undefined || model === null)
      throw new CrosstalkError('NOT_FOUND', `no model has spoken in the thread of ${asked}`, {
        fix: fixBy`crosstalkd continue ${asked} --as MODEL`,
      });
    const on = option(invocation, 'on');
    const to = on === null ? model : `${model}@${on}`;
    const open = around.works.filter(({ message }) => message.path === last.file.path);
    if (open.length > 0) return await moveWork(invocation, around, { said: last, open, model, to });
    const failed = last.message.fields.failed ? last.file.replyTo?.path : undefined;
    const question = said.find(({ file, from }) => file.path === failed && from !== 'workflow');
    const others = around.works.some(({ message }) => message.path === failed);
    if (question !== undefined && !others)
      return await moveWork(invocation, around, { said: question, open, model, to });
    const spoke = said.findLast(({ message: { fields } }) => fields.model === model);
    const common = [...invocation.options].filter(([name]) => !['on', 'as'].includes(name));
    const options = new Map([
      ...common,
      ['re', [messageId(last.file.path)]],
      ['to', [to]],
      ['message', [option(invocation, 'message') ?? 'Go on.']],
    ]);
    return await sendMessage(
      { ...invocation, args: [], options },
      on === null ? (spoke?.message.fields.host ?? null) : null,
    );
  });
}

interface Moving {
  readonly said: Said;
  readonly open: readonly Work[];
  readonly model: string;
  readonly to: string;
}

async function moveWork(
  invocation: Invocation,
  around: Surroundings,
  { said, open, model, to }: Moving,
): Promise<number> {
  const { session } = around;
  const sender = await identifySender(invocation, session);
  const on = option(invocation, 'on');
  for (const work of open) {
    const claim = around.claims.get(work.key)?.claim ?? null;
    const isThere = on === null || claim?.alias === on || work.hosts?.join() === on;
    const mayAct = claim?.effects === 'external';
    if (open.length > 1 || isTask(work.message) || mayAct || (isThere && work.recipient === model))
      throw stillAwaited(around, work, mayAct);
  }
  const address = parseRecipients([to], around.index.called);
  await refuseUnknown(session, address);
  const sent = await askAgain(around, {
    ...{ sender, said, recipients: { to: [to], closes: true } },
    more: option(invocation, 'message'),
  });
  return tellSent(invocation, { ...sent, notes: warnAboutHosts(session, address) });
}

function stillAwaited(around: Surroundings, work: Work, mayAct: boolean): CrosstalkError {
  const id = messageId(work.message.path);
  const standing = sayReason(createExplainer(around)(work));
  return new CrosstalkError('REFUSED', `${work.recipient} has not answered yet: it ${standing}`, {
    fix: orElse(
      mayAct
        ? andThen(fixBy`crosstalkd cancel ${id}`, fixBy`crosstalkd continue ${id} --on HOST`)
        : fixBy`crosstalkd continue ${id} --on HOST`,
      fixBy`crosstalkd wait ${id}`,
    ),
  });
}

/** Who was asked or has spoken last, of the models of the transport. */
function lastModel(said: readonly Said[], models: readonly string[]): string | null {
  const names = said.flatMap(({ from, message }) => [
    ...message.fields.to.map(({ name }) => name),
    from,
  ]);
  return names.findLast((name) => models.includes(name)) ?? null;
}
