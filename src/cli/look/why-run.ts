/**
 * `crosstalkd workflow why`: what a run waits for, and for each thing the command that moves it.
 */
import { shellWord } from '../../base/shell-word.ts';
import { fixOf } from '../../dispatcher/refused-work.ts';
import type { Invocation } from '../command.ts';
import { decodeMessage } from '../../protocol/message.ts';
import { createExplainer, type Standing } from './explain-work.ts';
import { paint, plain } from '../io.ts';
import { lookAround, type Surroundings } from './look-around.ts';
import { printJson, wantsJson } from './reading.ts';
import { findRun, type RunSeen } from './runs.ts';

/** One thing that a run waits for. */
export interface Wait {
  readonly what: string;
  readonly command: string | null;
  readonly needsPerson: boolean;
}

/**
 * A run's status as its hosts make it: `stale` when everything that runs is held by a silent host.
 */
export type Told = RunSeen['view']['status'] | 'stale';

const LINES_MAX = 12;

/** Explains one run. */
export async function explainRun(invocation: Invocation): Promise<number> {
  const around = await lookAround(invocation);
  try {
    const seen = await findRun(around, invocation.args[0] ?? '');
    const waits = waitsOf(around, seen);
    const status = statusOf(around, seen);
    const over = isOver(seen);
    const ended_by = over ? reasonsOf(seen) : [];
    if (wantsJson(invocation))
      printJson(invocation, {
        ok: true,
        health: 'good',
        run: seen.input.run,
        status,
        blocked_by: waits,
        ended_by,
      });
    else
      printWaits(invocation, { run: seen.input.run, status, waits: [...waits, ...ended_by], over });
    return 0;
  } finally {
    await around.session.close();
  }
}

/** True when the run was routed. */
export function isOver({ input, view }: RunSeen): boolean {
  return (
    input.marker.reply !== null ||
    ['succeeded', 'degraded', 'failed', 'cancelled', 'dropped'].includes(view.status)
  );
}

/** Everything the run waits for: what the engine knows, with the tasks as their hosts stand. */
export function waitsOf(around: Surroundings, seen: RunSeen): readonly Wait[] {
  if (isOver(seen)) return seen.view.blockedBy.map((each) => ({ ...each, needsPerson: false }));
  const standing = standingsOf(around, seen);
  const known = seen.view.blockedBy.filter(({ what }) => !what.startsWith('task '));
  const tasks = joinAlike(
    seen.view.tasks.flatMap((task): TaskWait[] => {
      if (task.state !== 'open') return [];
      const name = `${task.step}${task.key === 'one' ? '' : ` ${task.key}`}`;
      const odd = seen.odd.get(task.reply);
      if (odd !== undefined)
        return [{ name, to: task.to, says: odd.says, command: odd.fix, needsPerson: true }];
      const stands = standing.get(task.path);
      if (task.to === 'workflow')
        return [
          {
            name,
            to: 'a run of its own',
            says: 'is not over',
            command: `crosstalkd workflow why ${shellWord(task.path)}`,
            needsPerson: false,
          },
        ];
      if (stands === undefined)
        return [
          {
            name,
            to: task.to,
            says: 'waits',
            command: `crosstalkd why ${shellWord(task.path)}`,
            needsPerson: false,
          },
        ];
      return [
        {
          name,
          to: task.to,
          says: stands.says,
          command: stands.fix,
          needsPerson: stands.needsPerson,
        },
      ];
    }),
  );
  const refused = (around.here?.refused ?? []).filter(
    ({ about }) => about === seen.input.marker.path,
  );
  const waits = [
    ...refused.map(({ reason, blocked }) => ({
      what: `its next files cannot be published: ${reason}`,
      command: fixOf(blocked),
      needsPerson: true,
    })),
    ...known.map((each) => ({
      ...each,
      needsPerson: each.command !== null && !/^the group |^task .* is a child run$/.test(each.what),
    })),
    ...tasks,
  ];
  return [
    ...waits.filter(({ needsPerson }) => needsPerson),
    ...waits.filter(({ needsPerson }) => !needsPerson),
  ];
}

/** Why a run ended as it did, out of its answer; for one that can go on, with the command. */
export function reasonsOf({ input, view }: RunSeen): readonly Wait[] {
  if (view.status === 'succeeded') return [];
  const read = input.marker.reply === null ? null : decodeMessage(Buffer.from(input.marker.reply));
  const lines = read?.kind === 'message' ? read.message.body.split('\n') : [];
  const reasons = lines.flatMap((line) => (line.startsWith('- ') ? [line.slice(2)] : []));
  const again =
    view.status === 'degraded' || view.status === 'dropped'
      ? null
      : `crosstalkd workflow retry ${input.run}`;
  return reasons.map((what, at) => ({
    what,
    command: at === reasons.length - 1 ? again : null,
    needsPerson: false,
  }));
}

interface TaskWait {
  readonly name: string;
  readonly to: string;
  readonly says: string;
  readonly command: string | null;
  readonly needsPerson: boolean;
}

/** Tasks that wait for the same thing are one line. */
function joinAlike(waits: readonly TaskWait[]): readonly Wait[] {
  const groups = new Map<string, TaskWait[]>();
  for (const wait of waits) {
    const key = wait.needsPerson
      ? `${wait.to} ${wait.says}`
      : `${wait.to} ${wait.says} ${wait.command ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), wait]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const names = group.map(({ name }) => name);
    const shown =
      names.length <= 3
        ? names.join(', ')
        : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
    return [
      {
        what: `${shown} (${first.to}): ${first.says}`,
        command: first.command,
        needsPerson: first.needsPerson,
      },
    ];
  });
}

/** Where each open task of a run stands, by its path. */
export function standingsOf(
  around: Surroundings,
  { view }: RunSeen,
): ReadonlyMap<string, Standing> {
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
    readonly waits: readonly Wait[];
    readonly over: boolean;
  },
): void {
  const { io } = invocation;
  io.print(
    `${paint(io, 'bold', plain(told.run))} ${told.over ? `is over: ${told.status}` : `is ${told.status}`}`,
  );
  if (told.waits.length === 0 && !told.over)
    io.print('  nothing holds it: a host moves it on with its next look');
  for (const { what, command } of told.waits.slice(0, LINES_MAX)) {
    io.print(`  ${plain(what)}`);
    if (command !== null) io.print(`    ${paint(io, 'cyan', plain(command))}`);
  }
  if (told.waits.length > LINES_MAX)
    io.print(`  … and ${told.waits.length - LINES_MAX} more (--json has all)`);
  if (told.over) io.print(paint(io, 'dim', `  crosstalkd workflow show ${told.run}`));
}
