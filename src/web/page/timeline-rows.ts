/**
 * The rows of a run's timeline: its tasks, the questions to people, and what it waited for. Pure.
 */
import type { Timed } from './layout-time.ts';
import { labelOf } from './place-in-run.ts';
import type { Gate, Run, Step, Task } from '../told.ts';
import { whoDoes } from './who-does.ts';

/** One row. `id`: the message with more; null = there is none. */
export interface TimelineRow extends Timed {
  readonly key: string;
  readonly name: string;
  readonly label: string;
  readonly who: string;
  readonly state: string;
  /** Somebody works on it, or it is not work. */
  readonly isHeld: boolean;
  /** False for what only waits for people or the world. */
  readonly isWork: boolean;
  readonly id: string | null;
  readonly durationMs: number | null;
}

/** Every row, by when it began. */
export function timelineRows(run: Run): readonly TimelineRow[] {
  const rows = [
    ...run.tasks.map(taskRow),
    ...run.gates.map((gate) => gateRow(gate, run)),
    ...run.steps.flatMap((step) => waitRow(step, run)),
  ];
  return rows.sort((a, b) => (a.askedMs ?? 0) - (b.askedMs ?? 0));
}

function taskRow(task: Task): TimelineRow {
  const { path, step, id, askedMs, startMs, endMs, durationMs, heldBy, state } = task;
  return {
    key: path,
    name: step,
    label: labelOf(task),
    who: whoDoes(task),
    state: state !== 'open' ? state : heldBy === null ? 'open' : 'running',
    isHeld: heldBy !== null,
    isWork: true,
    id,
    askedMs,
    startMs,
    endMs,
    durationMs,
  };
}

function gateRow({ gate, id, state, askedMs, decidedMs, ...of }: Gate, run: Run): TimelineRow {
  const isOpen = state === 'open';
  // Without an answer its time was over: whatever it held up begins then.
  const endMs = isOpen ? null : (decidedMs ?? nextAfter(askedMs ?? run.atMs, run));
  return {
    key: `gate ${id}`,
    name: gate,
    label: isOpen ? '' : (of.decision ?? ''),
    who: `asks ${of.approvers.join(', ')}`,
    state: isOpen ? 'waiting-human' : state === 'closed' ? 'cancelled' : 'decided',
    isHeld: true,
    isWork: false,
    id,
    askedMs,
    startMs: askedMs,
    endMs,
    durationMs: askedMs === null || endMs === null ? null : endMs - askedMs,
  };
}

/** A step that only waits begins when the last step that it needs has ended. */
function waitRow(step: Step, run: Run): readonly TimelineRow[] {
  if (step.kind !== 'wait' || ['pending', 'skipped'].includes(step.status)) return [];
  const before = run.tasks.filter((task) => step.needs.includes(task.step));
  const decided = run.gates.filter(({ gate }) => step.needs.includes(gate));
  const ends = [
    ...before.flatMap(({ endMs }) => endMs ?? []),
    ...decided.flatMap(({ decidedMs }) => decidedMs ?? []),
  ];
  const askedMs = Math.max(run.atMs, ...ends);
  const endMs = step.status === 'waiting' ? null : nextAfter(askedMs, run);
  return [
    {
      key: step.folder,
      name: step.id,
      label: '',
      who: step.why ?? 'waits',
      state: step.status,
      isHeld: true,
      isWork: false,
      id: null,
      askedMs,
      startMs: askedMs,
      endMs,
      durationMs: endMs === null ? null : endMs - askedMs,
    },
  ];
}

/** When the next thing began. */
function nextAfter(ms: number, run: Run): number {
  const later = [
    ...run.tasks.flatMap(({ askedMs }) => askedMs ?? []),
    ...run.gates.flatMap(({ askedMs }) => askedMs ?? []),
  ].filter((at) => at > ms);
  return later.length === 0 ? ms : Math.min(...later);
}
