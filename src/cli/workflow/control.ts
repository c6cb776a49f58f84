/**
 * Control messages to a run: published as the person, then the answer of the engine is waited for a
 * moment, if a host is up to give one.
 */
import { SECOND, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { decodeMessage } from '../../protocol/message.ts';
import { messageId, replyPath } from '../../protocol/paths.ts';
import { readTextAt } from '../../transport/read-text.ts';
import { OPS } from '../../workflow/run/controls.ts';
import { type Invocation, option } from '../command.ts';
import { followTip } from '../look/follow-tip.ts';
import { isAnybodyUp } from '../look/host-opinions.ts';
import { plain } from '../io.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import { snakeKeys } from '../../base/snake-keys.ts';
import { printGood, printJson, tipOf, wantsJson } from '../look/reading.ts';
import { checkSourceText, tellErrors } from './check.ts';
import { composeFile, publishFile } from './publish.ts';
import { identifyPerson } from '../talk/person.ts';
import { findRun, type RunSeen } from '../look/runs.ts';
import { readCheckOptions, readWorkflow } from './source.ts';
import { hasBegun, isOver } from '../look/why-run.ts';
import { fixBy } from '../../base/fix.ts';

/** A dispatcher that is up has answered by then. */
const ANSWER_MS = 8 * SECOND;

export interface Order {
  readonly op: (typeof OPS)[number];
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly body?: string;
}

/** Ends a run. */
export function cancelRun(invocation: Invocation): Promise<number> {
  return withRun(invocation, (around, seen) =>
    order(invocation, around, { seen, order: { op: 'cancel' } }),
  );
}

/** Starts nothing new in a run. */
export function pauseRun(invocation: Invocation): Promise<number> {
  return withRun(invocation, (around, seen) =>
    order(invocation, around, { seen, order: { op: 'pause' } }),
  );
}

/** Continues a paused run. */
export function resumeRun(invocation: Invocation): Promise<number> {
  return withRun(invocation, (around, seen) =>
    order(invocation, around, { seen, order: { op: 'resume' } }),
  );
}

/** Tells a run that something happened. */
export function signalRun(invocation: Invocation): Promise<number> {
  const event = invocation.args[1] ?? '';
  return withRun(invocation, (around, seen) => {
    // A signal may come before its step does, but a slip of the pen should not go unnoticed.
    const awaited = seen.view.blockedBy.flatMap((reason) =>
      reason.kind === 'event' ? reason.event : [],
    );
    if (awaited.length > 0 && !awaited.includes(event))
      invocation.io.warn(
        plain(
          `no step waits for "${event}" now; ${seen.input.run} waits for ${awaited.join(', ')}`,
        ),
      );
    return order(invocation, around, { seen, order: { op: 'signal', fields: { event } } });
  });
}

/** Shows the budget of a run, or sets limits. */
export function budgetRun(invocation: Invocation): Promise<number> {
  const fields = Object.fromEntries(
    ['usd', 'tokens', 'agents', 'minutes'].flatMap((key) => {
      const text = option(invocation, key);
      if (text === null) return [];
      if (!/^\d+(\.\d+)?$/.test(text))
        throw new CrosstalkError('USAGE', `--${key} "${text}": expected a number from 0`);
      return [[key, Number(text)]];
    }),
  );
  return withRun(invocation, (around, seen) =>
    Object.keys(fields).length === 0
      ? Promise.resolve(tellBudget(invocation, seen))
      : order(invocation, around, { seen, order: { op: 'budget', fields } }),
  );
}

/** Changes the plan of a run. */
export function amendRun(invocation: Invocation): Promise<number> {
  return withRun(invocation, async (around, seen) => {
    const known = await readCheckOptions(around);
    const source = await readWorkflow(invocation, known, invocation.args[1] ?? '');
    const { errors } = checkSourceText(source, known);
    if (errors.length > 0) return tellErrors(invocation, source, errors);
    return order(invocation, around, { seen, order: { op: 'amend', body: source.text } });
  });
}

/** Opens the transport and finds the run that the first argument names. */
export function withRun(
  invocation: Invocation,
  act: (around: Surroundings, seen: RunSeen) => Promise<number>,
): Promise<number> {
  return withRemote(invocation, async (around) => {
    return await act(around, await findRun(around, invocation.args[0] ?? ''));
  });
}

/**
 * Publishes an order and prints what the engine says to it. Exit 1 when it refuses. Throws REFUSED
 * for a run that is over.
 */
export async function order(
  invocation: Invocation,
  around: Surroundings,
  { seen, order: given }: { readonly seen: RunSeen; readonly order: Order },
): Promise<number> {
  const { run } = seen.input;
  if (isOver(seen))
    throw new CrosstalkError('REFUSED', `${run} is over: ${seen.view.status}`, {
      fix: hasBegun(seen.input)
        ? fixBy`crosstalkd workflow rerun ${run}`
        : fixBy`crosstalkd workflow why ${run}`,
    });
  const sender = await identifyPerson(invocation, around.session, 'steer a run');
  const fields = { to: 'workflow', op: given.op, ...given.fields };
  const letter = composeFile(sender, {
    channel: run,
    fields,
    body: given.body ?? option(invocation, 'message') ?? '',
  });
  const commit = await publishFile(around.session, sender, letter);
  const answer = await waitForAnswer(around, letter.path, invocation.signal);
  const says = answer?.body.trim() ?? null;
  if (wantsJson(invocation)) {
    const ok = answer?.failed !== true;
    printJson(invocation, {
      ok,
      // The order stands in the transport; whether it is obeyed is not known without an answer.
      health: ok && answer !== null ? 'good' : 'degraded',
      answered: answer !== null,
      run,
      op: given.op,
      id: messageId(letter.path),
      path: letter.path,
      commit,
      answer: says,
    });
  } else if (answer === null)
    invocation.io.print(
      `asked ${run} to ${given.op}; the next host that polls answers: crosstalkd workflow why ${run}`,
    );
  else if (answer.failed) invocation.io.warn(plain(`${run} refuses: ${says ?? ''}`));
  else invocation.io.print(plain(`${run}: ${says ?? ''}`));
  return answer?.failed === true ? 1 : 0;
}

async function waitForAnswer(
  around: Surroundings,
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly body: string; readonly failed: boolean } | null> {
  const { session } = around;
  if (!isAnybodyUp(around)) return null;
  const reply = replyPath(path, 'workflow');
  const read = (): Promise<string | null> => readTextAt(session.repository, tipOf(session), reply);
  const seen: { text: string | null } = { text: null };
  await followTip(session, {
    onTip: async () => (seen.text = await read()) !== null,
    onOutage: () => undefined,
    untilMs: systemClock.monotonicMs() + ANSWER_MS,
    signal,
  });
  const decoded = seen.text === null ? null : decodeMessage(Buffer.from(seen.text));
  return decoded?.kind === 'message'
    ? { body: decoded.message.body, failed: decoded.message.fields.failed }
    : null;
}

function tellBudget(invocation: Invocation, { input, view }: RunSeen): number {
  const { budget } = view;
  if (wantsJson(invocation)) {
    printGood(invocation, { run: input.run, budget: snakeKeys(budget) });
    return 0;
  }
  if (budget === null) invocation.io.print(`${input.run} has no plan yet, and so no budget`);
  else
    for (const key of ['agents', 'usd', 'tokens', 'minutes'] as const) {
      const limit = budget.limits[key];
      const used = key === 'minutes' ? null : budget[key];
      invocation.io.print(
        `${key.padEnd(8)}${used === null ? '' : `${Number(used.toFixed(4))} used, `}${limit === null ? 'no limit' : `limit ${limit}`}`,
      );
    }
  return 0;
}
