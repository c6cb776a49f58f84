/**
 * `crosstalkd continue`: the last model of a thread continues, or another one, on another host: a
 * message after the last one, whose thread goes along.
 */
import { CrosstalkError } from '../../base/errors.ts';
import { fixBy } from '../../base/fix.ts';
import { messageId } from '../../protocol/paths.ts';
import { type Invocation, option } from '../command.ts';
import type { Said } from '../look/read-conversation.ts';
import { withSession } from '../look/reading.ts';
import { readWholeThread } from '../look/thread.ts';
import { sendMessage } from './send.ts';

/** Sends it as `send` does, with its checks and its output. */
export function continueThread(invocation: Invocation): Promise<number> {
  const asked = invocation.args[0] ?? '';
  return withSession(invocation, async (session) => {
    const { said } = await readWholeThread(session, asked);
    const { models } = session.mirror.index();
    const model = option(invocation, 'as') ?? lastModel(said, models);
    const last = said.at(-1);
    if (last === undefined || model === null)
      throw new CrosstalkError('NOT_FOUND', `no model has spoken in the thread of ${asked}`, {
        fix: fixBy`crosstalkd continue ${asked} --as MODEL`,
      });
    const on = option(invocation, 'on');
    const common = [...invocation.options].filter(([name]) => !['on', 'as'].includes(name));
    return sendMessage({
      ...invocation,
      args: [],
      options: new Map([
        ...common,
        ['re', [messageId(last.file.path)]],
        ['to', [on === null ? model : `${model}@${on}`]],
        ['message', [option(invocation, 'message') ?? 'Go on.']],
      ]),
    });
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
