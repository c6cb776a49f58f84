/** Runs in `crosstalkd why` and `status`: what each waits for, in the words of `workflow why`. */
import { isChannel } from '../../protocol/names.ts';
import { channelFolder, messageId } from '../../protocol/paths.ts';
import type { Told } from './explain-message.ts';
import type { Surroundings } from './look-around.ts';
import { tipOf } from '../read/reading.ts';
import type { Need } from './status-needs.ts';
import { findRun, openMarkers, readMarkerRun, type RunSeen } from '../workflow/runs.ts';
import { isOver, statusOf, waitsOf } from '../workflow/why.ts';

/** The run that `asked` names by its channel or its open marker, explained; null when it names none. */
export async function tellRun(around: Surroundings, asked: string): Promise<Told | null> {
  const marker = openMarkers(around).find(({ path }) => path === asked || messageId(path) === asked);
  const seen = marker === undefined ? await findChannel(around, asked) : await readMarkerRun(around, marker.path);
  if (seen === null) return null;
  const status = statusOf(around, seen);
  const none = isOver(seen) ? `is over: ${status}` : 'nothing holds it: a host moves it on with its next look';
  const waits = waitsOf(around, seen);
  const parts = waits.length === 0 ? [{ what: none, command: `crosstalkd workflow show ${seen.input.run}` }] : waits;
  return {
    kind: 'run',
    about: `${seen.input.run} is a run of a workflow, asked by ${seen.input.marker.from}: ${status}`,
    parts: parts.map(({ what, command }) => ({ name: null, kind: status, says: what, fix: command, hosts: [] })),
  };
}

/** What open runs want of people beside their tasks: gates, pauses, budgets. */
export async function needsOfRuns(around: Surroundings): Promise<readonly Need[]> {
  if (around.index.tip === null) return [];
  const needs: Need[] = [];
  for (const { path } of openMarkers(around)) {
    const seen = await readMarkerRun(around, path);
    if (seen === null || isOver(seen)) continue;
    for (const { what, command } of seen.view.blockedBy)
      if (/^(gate |it is paused|its budget)/.test(what) && command !== null)
        needs.push({ kind: 'run', what: `${seen.input.run}: ${what}`, fix: command, about: [path], count: 1 });
  }
  return needs;
}

/** The question of a gate is told as the gate of its run, not as a message that somebody did not answer. */
export function isGateQuestion(path: string): boolean {
  return /\/gates\/[^/]+\/ask\.md$/.test(path);
}

async function findChannel(around: Surroundings, asked: string): Promise<RunSeen | null> {
  if (!isChannel(asked) || around.index.tip === null) return null;
  const [entry] = await around.session.repository.lookUp(tipOf(around.session), [`${channelFolder(asked)}/RUN.json`]);
  return entry == null ? null : findRun(around, asked);
}
