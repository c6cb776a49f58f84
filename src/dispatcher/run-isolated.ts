/**
 * An attempt in a worktree of a project: opened before the agent starts, committed and pushed after
 * its answer, always removed. A failed or stopped attempt leaves nothing in the project.
 */
import { ownValue } from '../base/own-value.ts';
import { formatTrailers } from '../protocol/trailers.ts';
import type { Answered, AttemptOutcome, AttemptRequest } from '../agents/agent.ts';
import { oneLine } from '../base/plain-text.ts';
import { firstLine, modelIdentity } from '../protocol/reply.ts';
import { messageId } from '../protocol/paths.ts';
import { isCheckoutConfig } from '../protocol/checkout-files.ts';
import type { Worktree } from '../local/worktree.ts';
import type { AttemptInput } from './compose-attempt.ts';
import type { Dispatcher } from './dispatcher.ts';
import { noteCarried } from './keep-capsules.ts';
import { closeWork, noteWork } from './keep-work.ts';
import { advance, type LiveClaim } from './own-claims.ts';
import { failedHere } from './failure-body.ts';

interface IsolatedRun {
  readonly request: AttemptRequest;
  readonly input: Pick<AttemptInput, 'isolation' | 'before' | 'promptWithWork'>;
  /** False: what it changes leaves this host on its branch only. */
  readonly keepsWork: boolean;
}

/** Runs the agent where its message wants it to. */
export async function runIsolated(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { request, input, keepsWork }: IsolatedRun,
): Promise<AttemptOutcome> {
  const { doors, settings } = dispatcher;
  const { isolation, before } = input;
  advance(held, { kind: 'saved', saved: null });
  if (isolation.kind === 'none') return doors.agents.run(request);
  if (isolation.kind === 'refused') return failedHere('invalid', isolation.why);
  const name = held.work.message.project ?? '';
  const project = ownValue(settings.projects, name);
  if (project === undefined)
    return failedHere('setup', `${settings.alias} has no project "${name}"`);
  const { attemptId, entry } = request;
  const opened = await doors.worktrees.open({
    attemptId,
    project,
    ...isolation.isolation,
    leavesOut: entry.trustCheckout ? () => false : isCheckoutConfig,
    carry: (keepsWork ? before?.work?.changes : null) ?? [],
  });
  if (opened.kind === 'failed') return failedHere('setup', opened.why);
  const { worktree } = opened;
  const extraEnv = { ...request.extraEnv, CROSSTALK_BRANCH: worktree.branch };
  let isKept = false;
  if (worktree.isCarried) noteCarried(dispatcher, held);
  if (keepsWork) noteWork(dispatcher, held, () => doors.worktrees.look(worktree));
  try {
    const outcome = await doors.agents.run({
      ...request,
      ...(worktree.isCarried ? { prompt: input.promptWithWork() } : {}),
      entry: { ...entry, cwd: worktree.directory },
      isWorktree: true,
      extraEnv,
    });
    if (outcome.kind !== 'answered' || held.state.stopped !== null) {
      await closeWork(dispatcher, held);
      return outcome;
    }
    const saved = await saveWork(dispatcher, held, { worktree, outcome });
    isKept = worktree.keep && saved.kind === 'answered';
    return saved;
  } finally {
    if (isKept)
      doors.log.status('worktree.kept', {
        message: held.work.message.path,
        path: worktree.directory,
      });
    else await doors.worktrees.close(worktree);
  }
}

async function saveWork(
  { doors, settings }: Dispatcher,
  held: LiveClaim,
  done: { readonly worktree: Worktree; readonly outcome: Answered },
): Promise<AttemptOutcome> {
  const { worktree, outcome } = done;
  const { path } = held.work.message;
  const subject = oneLine(firstLine(outcome.text), 72) || `work of ${held.work.recipient}`;
  const message = `${subject}\n\n${formatTrailers([
    ['Message', messageId(path)],
    ['Channel', held.work.message.channel],
  ])}`;
  const saved = await doors.worktrees.save(worktree, {
    message,
    ...modelIdentity(held.work.recipient, settings.alias),
  });
  if (saved.kind === 'failed')
    return {
      ...failedHere('crash', `its work could not be saved: ${saved.why}`),
      durationMs: outcome.durationMs,
      usage: outcome.usage,
    };
  const { branch, commit } = saved;
  advance(held, { kind: 'saved', saved: { branch, commit } });
  return outcome;
}
