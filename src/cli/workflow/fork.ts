/**
 * `crosstalkd workflow retry`, `rerun` and `fork`: a run continues with what failed, or a second
 * one takes over what the first had finished. A run that is over is never changed: a new marker
 * names it, and every finished result whose content key is the same is taken over.
 */
import { CrosstalkError } from '../../base/errors.ts';
import { parseOid } from '../../base/ids.ts';
import { archivedPath, channelOf, channelRoot, runFiles } from '../../protocol/paths.ts';
import { wholePaths } from '../../protocol/attachments.ts';
import { readYamlMapping } from '../../protocol/yaml.ts';
import { parseHeader } from '../../workflow/run/header.ts';
import { planInForce } from '../../workflow/run/plan-in-force.ts';
import { checkWorkflow } from '../../workflow/language/check.ts';
import { allSteps, type Plan } from '../../workflow/language/plan.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { type Invocation, option } from '../command.ts';
import type { Surroundings } from '../look/look-around.ts';
import { order, withRun } from './control.ts';
import { followRun, waitOption } from './follow.ts';
import { withoutOptions } from './publish.ts';
import { publishMarker, tellStarted } from './run.ts';
import type { RunSeen } from '../look/runs.ts';
import { tellErrors } from './check.ts';
import { markerOf, readCheckOptions, readWorkflow, without } from './source.ts';
import { resolveCommit } from './show.ts';
import { findAgain, isOver } from '../look/why-run.ts';
import { alreadyRetried } from '../control/retry.ts';
import { fixBy, fixByHand, orElse } from '../../base/fix.ts';

/**
 * Runs again what failed: in the run itself while it is open, else in a new one that takes over the
 * rest.
 */
export function retryRun(invocation: Invocation): Promise<number> {
  return withRun(invocation, async (around, seen) => {
    if (!isOver(seen)) {
      const step = option(invocation, 'step');
      return order(withoutOptions(invocation, ['from']), around, {
        seen,
        order: { op: 'retry', fields: { step: step ?? undefined } },
      });
    }
    if (seen.view.status === 'succeeded')
      throw new CrosstalkError(
        'REFUSED',
        `${seen.input.run} succeeded: there is nothing to run again`,
        { fix: fixBy`crosstalkd workflow rerun ${seen.input.run}` },
      );
    const newer = await findAgain(around, seen);
    if (newer !== null) throw alreadyRetried(seen.input.run, newer);
    return startAgain(invocation, around, { seen, fork: { run: seen.input.run }, useFrozen: true });
  });
}

/** Runs the workflow again; with --from only that step and what follows it. */
export function rerunRun(invocation: Invocation): Promise<number> {
  return withRun(invocation, (around, seen) => {
    const from = option(invocation, 'from');
    if (!isOver(seen))
      throw new CrosstalkError('REFUSED', `${seen.input.run} still runs`, {
        fix: orElse(
          fixBy`crosstalkd workflow cancel ${seen.input.run}`,
          fixBy`crosstalkd workflow fork ${seen.input.run}`,
        ),
      });
    return startAgain(invocation, around, {
      seen,
      fork: from === null ? null : { run: seen.input.run, from },
      useFrozen: false,
    });
  });
}

/** Starts a second run beside the first, from any commit of it. */
export function forkRun(invocation: Invocation): Promise<number> {
  return withRun(invocation, async (around, seen) => {
    const commit = option(invocation, 'at');
    const at = commit === null ? around.index.tip : await resolveCommit(around, commit);
    const from = option(invocation, 'from') ?? undefined;
    return startAgain(invocation, around, {
      seen,
      fork: { run: seen.input.run, at, from },
      useFrozen: false,
    });
  });
}

interface Again {
  readonly seen: RunSeen;
  /** What is taken over; null = nothing. */
  readonly fork: Readonly<Record<string, unknown>> | null;
  /** The plan as it ran, even when its saved workflow has changed since. */
  readonly useFrozen: boolean;
}

/** Hosts read what is taken over at the tip; a run in the archive must come back first. */
async function refuseArchived(
  { session, index }: Surroundings,
  { seen, fork }: Again,
): Promise<void> {
  const commit =
    fork === null || typeof fork['at'] === 'string'
      ? (parseOid(String(fork?.['at'])) ?? null)
      : index.tip;
  const [mark] =
    commit === null ? [] : await session.repository.lookUp(commit, [archivedPath(seen.input.run)]);
  if (mark == null) return;
  throw new CrosstalkError(
    'REFUSED',
    `${seen.input.run} is in the archive, and hosts take over only what is on the branch`,
    { fix: fixBy`crosstalkd archive --undo ${seen.input.run}` },
  );
}

async function startAgain(
  invocation: Invocation,
  around: Surroundings,
  again: Again,
): Promise<number> {
  const limitMs = waitOption(invocation);
  const { input } = again.seen;
  await refuseArchived(around, again);
  const parts = await composeAgain(invocation, around, again);
  const { errors } = checkWorkflow(
    writeFrontMatter(parts.fields, parts.body),
    await readCheckOptions(around),
  );
  if (errors.length > 0)
    return tellErrors(
      invocation,
      { label: option(invocation, 'file') ?? input.run, text: '', saved: null },
      errors,
    );
  const fields = { ...parts.fields, re: input.marker.path, fork: again.fork ?? undefined };
  const started = await publishMarker(withoutOptions(invocation, ['from']), around, {
    channel: channelOf(input.marker.path) ?? 'general',
    fields,
    body: parts.body,
    retries: input.marker.path,
  });
  return limitMs === null
    ? tellStarted(invocation, around, started)
    : followRun(invocation, around.session, { ...started, limitMs });
}

async function composeAgain(
  invocation: Invocation,
  around: Surroundings,
  { seen, fork, useFrozen }: Again,
): Promise<{ readonly fields: Readonly<Record<string, unknown>>; readonly body: string }> {
  const { input } = seen;
  const header = parseHeader(input.files.get(runFiles(input.run).header) ?? '');
  const known = await readCheckOptions(around);
  const file = option(invocation, 'file');
  const inputs = header?.inputs ?? {};
  if (file !== null)
    return markerOf(await readWorkflow(invocation, known, file), { inputs, more: {} });
  const saved = header?.source.name ?? null;
  const frozen = planInForce(input.files, channelRoot(input.run));
  const from = fork?.['from'];
  if (typeof from === 'string' && frozen !== null) refuseUnknownStep(frozen.plan, from);
  if (saved !== null && !useFrozen && known.savedWorkflow(saved) !== null)
    return markerOf({ label: saved, text: '', saved }, { inputs, more: {} });
  const own = { to: 'workflow', type: 'workflow', subject: seen.view.name };
  if (frozen !== null)
    return {
      fields: {
        ...own,
        ...frozen.raw,
        on: undefined,
        with: Object.keys(inputs).length > 0 ? inputs : undefined,
      },
      body: '',
    };
  // It never came to a plan: the marker is asked again as it was written.
  const { message } = input.marker;
  const read = readYamlMapping(message.yaml, 'typed');
  const kept =
    read.kind === 'mapping'
      ? without(read.value, ['from', 'timestamp', 'child_channel', 're', 'retries', 'fork'])
      : {};
  const files = wholePaths(input.marker.path, message.fields.files);
  return {
    fields: { ...own, ...kept, files: files.length === 0 ? undefined : files },
    body: message.body,
  };
}

function refuseUnknownStep(plan: Plan, from: string): void {
  const ids = allSteps([...plan.steps, ...plan.final]).map(({ id }) => id);
  if (ids.includes(from)) return;
  throw new CrosstalkError('USAGE', `--from "${from}": there is no such step`, {
    fix: fixByHand(`steps: ${ids.join(', ')}`),
  });
}
