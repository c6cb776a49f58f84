/**
 * The way from a new transport to its first answer: a person is asked who may answer here, and
 * whether one real question is to be sent.
 */
import { systemClock } from '../../base/clock.ts';
import { fixByHand } from '../../base/fix.ts';
import { systemRandom } from '../../base/random.ts';
import { approve } from '../../local/approvals.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import { given, type Invocation } from '../command.ts';
import { isConfirmed } from '../confirm.ts';
import { plain } from '../io.ts';
import { openPersonGit } from '../session/person-git.ts';
import { openSession } from '../session/transport-session.ts';
import type { FirstModels } from './first-models.ts';

/**
 * One real question, so that the first answer is minutes away from nothing: to the first agent when
 * a person at the terminal wants that, with `--demo` to the model that only repeats it.
 */
export async function tryOut(
  invocation: Invocation,
  directory: string,
  approved: readonly string[],
): Promise<void> {
  const isDemo = given(invocation, 'demo');
  const model = isDemo ? 'echo' : approved.find((name) => name !== 'echo');
  if (model === undefined || (!isDemo && !(await wants(invocation, model)))) return;
  const { sendMessage } = await import('../talk/send.ts');
  const { io } = invocation;
  if (!given(invocation, 'json')) io.print(`\n${model} is asked: ${FIRST_QUESTION}`);
  await sendMessage({
    ...invocation,
    args: [],
    options: new Map([
      ['dir', [directory]],
      ['to', [model]],
      ['wait', ['']],
      ['message', [FIRST_QUESTION]],
      ...[...invocation.options].filter(([name]) => name === 'state'),
    ]),
  });
  // Nobody has worked in this clone yet, so it may have the first answer as well: without it the
  // first push of a newcomer is refused. What was made stands, also when that fails.
  await openPersonGit(directory, invocation.env)
    .raw(['pull', '--ff-only', '--quiet'])
    .catch(() => undefined);
}

const FIRST_QUESTION = 'Say hello in one line.';

/** On a pipe nobody can be asked, and nobody needs to be: the entries are written here and now. */
export async function mayApprove(invocation: Invocation, models: FirstModels): Promise<boolean> {
  if (models.agents.length === 0 || !canAsk(invocation)) return true;
  for (const line of models.notes) invocation.io.print(plain(line));
  return isConfirmed(invocation, {
    asks: `Let ${models.agents.join(', ')} answer on this host, as you?`,
    refusal: '',
    fix: fixByHand(''),
  });
}

export function canAsk({ io, options }: Invocation): boolean {
  return process.stdin.isTTY && io.isTerminal && !options.has('json');
}

/** Nobody is asked on a pipe. */
async function wants(invocation: Invocation, model: string): Promise<boolean> {
  if (!canAsk(invocation)) return false;
  invocation.io.print('');
  return isConfirmed(invocation, {
    asks: `Ask ${model} one question now, to see that it answers?`,
    refusal: '',
    fix: fixByHand(''),
  });
}

export async function approveOwn(
  invocation: Invocation,
  directory: string,
  models: FirstModels,
): Promise<readonly string[]> {
  const session = await openSession(
    { ...invocation, options: new Map([...invocation.options].filter(([name]) => name !== 'dir')) },
    { where: directory },
  );
  try {
    const standing = decodeModels(session.mirror.modelsText() ?? '').models;
    const own = [...decodeModels(models.text).models.values()].filter(
      ({ name, hash }) => standing.get(name)?.hash === hash,
    );
    const entries = own.map(({ name, hash }) => ({ name, hash }));
    await approve(
      session.configDirectory,
      { transport: session.id, entries },
      { clock: systemClock, random: systemRandom },
    );
    return own.map(({ name }) => name);
  } finally {
    await session.close();
  }
}
