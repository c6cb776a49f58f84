/**
 * `crosstalkd workflow run`: publishes the marker that starts a workflow, after checking it as
 * every host will.
 */
import { CrosstalkError } from '../../base/errors.ts';
import { runChannel } from '../../workflow/language/marker.ts';
import type { Problem } from '../../workflow/language/plan.ts';
import { given, type Invocation, option } from '../command.ts';
import { isAnybodyUp } from '../look/host-opinions.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import { identifySender } from '../talk/person.ts';
import { printGood, wantsJson } from '../look/reading.ts';
import { checkInputs, checkSourceText, tellErrors } from './check.ts';
import { chooseChannel, DEFAULT_CHANNEL } from '../look/channel-names.ts';
import { followRun, type Started, waitOption } from './follow.ts';
import { composeFile, type NewFileParts, publishFile } from './publish.ts';
import { inputsOf, markerOf, readCheckOptions, readInputs, readWorkflow } from './source.ts';
import { fixBy } from '../../base/fix.ts';

/** Starts a run and prints its channel; with --wait follows it to its answer. */
export function startWorkflow(invocation: Invocation): Promise<number> {
  const limitMs = waitOption(invocation);
  const asked = option(invocation, 'channel') ?? DEFAULT_CHANNEL;
  return withRemote(invocation, async (around) => {
    const channel = await chooseChannel(around.session, asked);
    const known = await readCheckOptions(around);
    const source = await readWorkflow(invocation, known, invocation.args[0] ?? '');
    // Inputs may come with -i; they are checked below, together with those of the file.
    const errors = checkSourceText(source, known).errors.filter(({ input }) => input === undefined);
    if (errors.length > 0) return tellErrors(invocation, source, errors);
    const wrong = await checkInputs(invocation, source, known);
    if (wrong.length > 0) throw wrongInputs(invocation.args[0] ?? '', wrong);
    const more = { 'dry-run': given(invocation, 'dry-run') ? true : undefined };
    const inputs = await readInputs(invocation, inputsOf(source, known));
    const parts = markerOf(source, { inputs, more });
    const started = await publishMarker(invocation, around, { channel, ...parts });
    return limitMs === null
      ? tellStarted(invocation, around, started)
      : await followRun(invocation, around.session, { ...started, limitMs });
  });
}

function wrongInputs(asked: string, wrong: readonly Problem[]): CrosstalkError {
  const missing = wrong.flatMap(({ input }) => (input?.kind === 'missing' ? [input.name] : []));
  return new CrosstalkError('USAGE', wrong.map(({ message }) => message).join('; '), {
    fix: fixBy`crosstalkd workflow run ${asked} ${missing.length === 0 ? ['-i', 'KEY=VALUE'] : missing.flatMap((name) => ['-i', `${name}=VALUE`])}`,
  });
}

/** Publishes a marker as the caller. */
export async function publishMarker(
  invocation: Invocation,
  around: Surroundings,
  parts: NewFileParts & { readonly retries?: string },
): Promise<Started> {
  const sender = await identifySender(invocation, around.session);
  const letter = composeFile(sender, parts);
  const commit = await publishFile(around.session, sender, { ...letter, retries: parts.retries });
  return { run: runChannel(letter.path, letter.message), marker: letter.path, commit };
}

/** Says where the run is and how to look at it. */
export function tellStarted(
  invocation: Invocation,
  around: Surroundings,
  { run, marker, commit }: Started,
): number {
  if (wantsJson(invocation)) {
    printGood(invocation, { run, marker, commit });
    return 0;
  }
  const { io } = invocation;
  io.print(`started ${run}`);
  io.print(`  crosstalkd workflow show ${run}`);
  if (!isAnybodyUp(around)) io.warn('no dispatcher is up to run it: crosstalkd run');
  return 0;
}
