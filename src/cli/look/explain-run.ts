/** Runs in `crosstalkd why` and `status`: what each waits for, in the words of `workflow why`. */
import { systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { isChannel } from '../../protocol/names.ts';
import { messageId, parseGatePath, runFiles } from '../../protocol/paths.ts';
import type { Reason } from '../../protocol/reason.ts';
import { sayReason, sayStatus } from '../../protocol/say-reason.ts';
import type { Told } from './explain-message.ts';
import { isAnybodyUp } from './host-opinions.ts';
import type { Surroundings } from './look-around.ts';
import { tipOf } from './reading.ts';
import type { Need } from './status-needs.ts';
import { gateReason, shortTitle } from '../../workflow/view/describe.ts';
import type { ListedFile } from './read-conversation.ts';
import { describeDecision } from './draw-run.ts';
import { openMarkers, unfinishedMarkers } from './run-markers.ts';
import { findByPrefix, findRun, readMarkerRun, type RunSeen } from './runs.ts';
import { endOf, isOver, statusOf, waitsOf } from './why-run.ts';

/**
 * The run that `asked` names by its channel or its open marker, explained; null when it names none.
 */
export async function tellRun(around: Surroundings, asked: string): Promise<Told | null> {
  const marker = openMarkers(around).find(
    ({ path }) => path === asked || messageId(path) === asked,
  );
  const seen =
    marker === undefined
      ? await findChannel(around, asked)
      : await readMarkerRun(around, marker.path);
  return seen === null ? null : explainSeen(around, seen);
}

async function explainSeen(around: Surroundings, seen: RunSeen): Promise<Told> {
  const status = statusOf(around, seen);
  const { run } = seen.input;
  const waits = [...waitsOf(around, seen), ...(await endOf(around, seen))];
  const none: Reason = isOver(seen)
    ? { kind: 'run-over', run, status }
    : { kind: 'run-moves', run };
  return {
    kind: 'run',
    about: `${run} is a run of a workflow, asked by ${seen.input.marker.from}: ${sayStatus(status)}`,
    parts: (waits.length === 0 ? [none] : waits).map((reason) => ({ name: null, reason })),
  };
}

/**
 * The run whose channel begins with `asked`, explained; null when there is none. Throws
 * ID_AMBIGUOUS.
 */
export async function tellRunByPrefix(around: Surroundings, asked: string): Promise<Told | null> {
  if (around.index.tip === null) return null;
  const marker = await findByPrefix(around, asked);
  const seen = marker === null ? null : await readMarkerRun(around, marker);
  return seen === null ? null : explainSeen(around, seen);
}

/** The gate that asks with this file, explained; null when it is not a question of a gate. */
export async function tellGate(
  around: Surroundings,
  { path, channel }: ListedFile,
): Promise<Told | null> {
  if (parseGatePath(path) === null) return null;
  const seen = await findChannel(around, channel);
  const gate = seen?.view.gates.find((one) => one.path === path);
  if (seen == null || gate === undefined) return null;
  const asked = { run: channel, gate: gate.gate, title: shortTitle(gate) };
  const reason: Reason =
    gate.state === 'decided'
      ? { kind: 'gate-decided', ...asked, decision: describeDecision(gate) }
      : isOver(seen)
        ? { kind: 'gate-unanswered', ...asked }
        : gateReason(channel, gate);
  return {
    kind: 'gate',
    about: `${gate.gate} is a gate of the run ${channel}: ${sayStatus(statusOf(around, seen))}`,
    parts: [{ name: null, reason }],
  };
}

/** Every run that is not over, as the tip shows it. */
export async function readOpenRuns(around: Surroundings): Promise<readonly RunSeen[]> {
  if (around.index.tip === null) return [];
  const runs: RunSeen[] = [];
  for (const path of await unfinishedMarkers(around)) {
    const seen = await readMarkerRun(around, path);
    if (seen !== null && !isOver(seen)) runs.push(seen);
  }
  return runs;
}

/** What open runs need from people beside their tasks: gates, pauses, budgets, a dispatcher. */
export function needsOfRuns(around: Surroundings, runs: readonly RunSeen[]): readonly Need[] {
  return runs.flatMap(({ input, view }) =>
    view.blockedBy
      .filter((reason) => isForPeople(around, reason))
      .map((reason): Need => ({
        reason,
        of: input.run,
        about: [input.marker.path],
        count: 1,
      })),
  );
}

/**
 * One open run in a line; null when it waits for people only: then it is listed as what needs them.
 */
export function lineOfRun(around: Surroundings, seen: RunSeen): { readonly line: string } | null {
  const { run } = seen.input;
  const { counts, atMs } = seen.view;
  const waits = waitsOf(around, seen);
  const other = waits.find((reason) => !isForPeople(around, reason));
  if (other === undefined && waits.length > 0) return null;
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const age = formatDuration(Math.max(0, systemClock.wallMs() - atMs));
  const why = other === undefined ? 'moves on at the next poll of a host' : sayReason(other);
  return {
    line: `${run}  ${sayStatus(statusOf(around, seen))}  ${counts.succeeded}/${all} tasks  since ${age}: ${why}`,
  };
}

const FOR_PEOPLE: readonly Reason['kind'][] = ['gate', 'run-paused', 'run-budget', 'follow-unsafe'];

/** A run that nobody has opened is opened at the next poll, unless nobody polls. */
function isForPeople(around: Surroundings, { kind }: Reason): boolean {
  return FOR_PEOPLE.includes(kind) || (kind === 'unopened' && !isAnybodyUp(around));
}

async function findChannel(around: Surroundings, asked: string): Promise<RunSeen | null> {
  if (!isChannel(asked) || around.index.tip === null) return null;
  const [entry] = await around.session.repository.lookUp(tipOf(around.session), [
    runFiles(asked).header,
  ]);
  return entry == null ? null : findRun(around, asked);
}
