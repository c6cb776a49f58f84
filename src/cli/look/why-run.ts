/**
 * `crosstalkd workflow why`: what a run waits for, and for each thing the command that moves it.
 */
import type { Invocation } from '../command.ts';
import { decodeMessage } from '../../protocol/message.ts';
import { runFiles } from '../../protocol/paths.ts';
import type { Reason, ReasonOf } from '../../protocol/reason.ts';
import { fixOf, needsPerson, tellReason } from '../../protocol/remedy.ts';
import { sayReason, sayStatus } from '../../protocol/say-reason.ts';
import { createExplainer } from './explain-work.ts';
import { paint, plain, printFix } from '../io.ts';
import { type Surroundings, withSurroundings } from './look-around.ts';
import { printGood, wantsJson } from './reading.ts';
import { readRetries } from './retries.ts';
import { findRun, type RunSeen } from './runs.ts';
import { ONLY_KEY } from '../../protocol/run-paths.ts';

/**
 * A run's status as its hosts make it: `stale` when everything that runs is held by a silent host.
 */
export type Told = RunSeen['view']['status'] | 'stale';

const LINES_MAX = 12;

/** Explains one run. */
export function explainRun(invocation: Invocation): Promise<number> {
  return withSurroundings(invocation, async (around) => {
    const seen = await findRun(around, invocation.args[0] ?? '');
    const waits = waitsOf(around, seen);
    const status = statusOf(around, seen);
    const over = isOver(seen);
    const ended_by = await endOf(around, seen);
    if (wantsJson(invocation))
      printGood(invocation, {
        run: seen.input.run,
        status,
        blocked_by: waits.map(tellReason),
        ended_by: ended_by.map(tellReason),
      });
    else
      printWaits(invocation, { run: seen.input.run, status, waits: [...waits, ...ended_by], over });
    return 0;
  });
}

/** False for one whose marker was refused: asked again as it is, it would be refused again. */
export function hasBegun({ run, files }: Pick<RunSeen['input'], 'run' | 'files'>): boolean {
  return files.has(runFiles(run).header);
}

/** True when the run was routed. */
export function isOver({ input, view }: RunSeen): boolean {
  return (
    input.marker.reply !== null ||
    ['succeeded', 'degraded', 'failed', 'cancelled', 'dropped'].includes(view.status)
  );
}

/** Everything the run waits for: what the engine knows, with the tasks as their hosts stand. */
export function waitsOf(around: Surroundings, seen: RunSeen): readonly Reason[] {
  if (isOver(seen)) return seen.view.blockedBy;
  const refused = (around.here?.refused ?? []).filter(
    ({ about }) => about === seen.input.marker.path,
  );
  const waits = [
    ...refused.map(({ reason: line, blocked: isBlocked }): Reason => ({
      kind: 'files-refused',
      line,
      isBlocked,
    })),
    ...seen.view.blockedBy,
    ...waitsOfTasks(around, seen),
  ];
  return [...waits.filter(needsPerson), ...waits.filter((wait) => !needsPerson(wait))];
}

function waitsOfTasks(around: Surroundings, seen: RunSeen): readonly Reason[] {
  const standing = standingsOf(around, seen);
  const open = seen.view.tasks.filter(({ state }) => state === 'open');
  return joinAlike(
    open.map((task): ReasonOf<'tasks'> => {
      const { path, step, key } = task;
      const isRun = task.to === 'workflow';
      const why =
        seen.odd.get(task.reply) ??
        (isRun ? ({ kind: 'child-run', path } as const) : standing.get(path)) ??
        ({ kind: 'task-unseen', path } as const);
      const name = `${step}${key === ONLY_KEY ? '' : ` ${key}`}`;
      return { kind: 'tasks', names: [name], to: isRun ? 'its own run' : task.to, why };
    }),
  );
}

/** Why a run ended as it did, with the command that continues it; nothing of an open one. */
export async function endOf(around: Surroundings, seen: RunSeen): Promise<readonly Reason[]> {
  if (!isOver(seen) || seen.view.status === 'succeeded') return [];
  const newer = await findAgain(around, seen);
  if (newer === null) return reasonsOf(seen);
  const reasons = reasonsOf(seen).map((reason): Reason => ({ ...reason, retry: null }));
  return [...reasons, { kind: 'retried', by: newer }];
}

/** The run that was started to do this one again; null = none, or only one that never began. */
export async function findAgain(around: Surroundings, { input }: RunSeen): Promise<string | null> {
  const retries = await readRetries(around.session, input.marker.path);
  const marker = retries.get('workflow');
  if (marker === undefined) return null;
  const newer = await findRun(around, marker);
  return isOver(newer) && !hasBegun(newer.input) ? null : newer.input.run;
}

function reasonsOf({ input, view }: RunSeen): readonly ReasonOf<'run-ended'>[] {
  const goesOn = hasBegun(input) && view.status !== 'degraded' && view.status !== 'dropped';
  const retry = goesOn ? input.run : null;
  // Of a run that was broken off no step says why.
  const isTold = view.endedBy.some(({ isList }) => isList !== true);
  const ended = [...(isTold ? [] : notesInAnswer(input.marker.reply)), ...view.endedBy];
  return ended.map(({ of: step, text: detail }, at) => ({
    kind: 'run-ended' as const,
    step,
    detail,
    retry: at === ended.length - 1 ? retry : null,
  }));
}

/** A marker that was refused has no plan to be folded: its answer says what is wrong with it. */
function notesInAnswer(reply: string | null): RunSeen['view']['endedBy'] {
  const read = reply === null ? null : decodeMessage(Buffer.from(reply));
  if (read?.kind !== 'message') return [];
  const lines = read.message.body.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(0, LINES_MAX).map((text) => ({ of: null, text: text.replace(/^- /, '') }));
}

/** Tasks that wait for the same thing are one line. */
function joinAlike(waits: readonly ReasonOf<'tasks'>[]): readonly Reason[] {
  const groups = new Map<string, ReasonOf<'tasks'>>();
  for (const wait of waits) {
    const command = needsPerson(wait) ? '' : JSON.stringify(fixOf(wait));
    const key = `${wait.to} ${sayReason(wait.why)} ${command}`;
    const group = groups.get(key);
    groups.set(key, { ...wait, names: [...(group?.names ?? []), ...wait.names] });
  }
  return [...groups.values()];
}

/** Where each open task of a run stands, by its path. */
export function standingsOf(around: Surroundings, { view }: RunSeen): ReadonlyMap<string, Reason> {
  const explain = createExplainer(around);
  const open = new Set(view.tasks.filter(({ state }) => state === 'open').map(({ path }) => path));
  return new Map(
    around.works
      .filter(({ message }) => open.has(message.path))
      .map((work) => [work.message.path, explain(work)]),
  );
}

/** The status of a run for people. */
export function statusOf(around: Surroundings, seen: RunSeen): Told {
  const { status } = seen.view;
  if (status !== 'running') return status;
  const kinds = [...standingsOf(around, seen).values()].map(({ kind }) => kind);
  return kinds.includes('holder-silent') && !kinds.includes('running') ? 'stale' : status;
}

function printWaits(
  invocation: Invocation,
  told: {
    readonly run: string;
    readonly status: Told;
    readonly waits: readonly Reason[];
    readonly over: boolean;
  },
): void {
  const { io } = invocation;
  io.print(
    `${paint(io, 'bold', plain(told.run))}${told.over ? ' is over' : ''}: ${sayStatus(told.status)}`,
  );
  if (told.waits.length === 0 && !told.over)
    io.print('  nothing blocks it: a host advances it at its next poll');
  for (const wait of told.waits.slice(0, LINES_MAX)) {
    io.print(`  ${plain(sayReason(wait))}`);
    printFix(io, fixOf(wait));
  }
  if (told.waits.length > LINES_MAX)
    io.print(`  … and ${told.waits.length - LINES_MAX} more (--json has all)`);
  if (told.over) io.print(paint(io, 'dim', `  crosstalkd workflow show ${told.run}`));
}
