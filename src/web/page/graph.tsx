/**
 * A run as the graph of its plan: a box for each step with its state, a frame for each group with
 * its items and passes, a line for each need.
 */
import type { VNode } from 'preact';
import { formatSpan, formatUsd, plural } from './format.ts';
import { useEffect, useRef } from 'preact/hooks';
import { curve, type GraphLayout, layoutGraph, type PlacedFrame } from './layout-graph.ts';
import { Empty, toneOf, useWidth } from './parts.tsx';
import { type PlanGroup, type PlanShape, type PlanStep, shapeOf } from './place-in-run.ts';
import { goTo } from './state.ts';
import type { Run, Step, Tally, Task } from '../told.ts';
import { whoDoes } from './who-does.ts';

const BOX_HEIGHT = 64;
/**
 * Width of a box and space between layers, from roomy to tight: the first that fits is taken, else
 * the graph is scrolled.
 */
const SIZES = [
  [188, 52],
  [178, 42],
  [168, 34],
  [156, 30],
] as const;
/** Narrower than this the graph runs down instead of to the right. */
const NARROW = 720;
const MARGIN = 6;
/** What the frame around the graph takes. */
const ROOM = 52;
/** More boxes than these are a list, no picture, and their layout would hold up the page. */
const STEPS_MAX = 200;

export function Graph({ run }: { readonly run: Run }): VNode {
  const [ref, width] = useWidth();
  const shape = shapeOf(stepsOf(run));
  const direction = width < NARROW ? 'down' : 'right';
  const [boxWidth, layout] =
    width === 0 || shape.steps.length > STEPS_MAX
      ? NOTHING
      : fitLayout(shape, direction, width - ROOM);
  const byId = new Map(shape.steps.map((step) => [step.id, step]));
  const groups = new Map(shape.groups.map((group) => [group.id, group]));
  useSight(ref, width === 0 ? null : layout, {
    run: run.run,
    id: (
      shape.steps.find((one) => ['waiting-human', 'running'].includes(statusOf(one))) ??
      shape.steps[0]
    )?.id,
  });
  if (shape.steps.length > STEPS_MAX)
    return (
      <Empty title={`${shape.steps.length} steps are too many for a picture`}>
        <p>The timeline and the tasks show them all.</p>
      </Empty>
    );
  return (
    <div class="graph" ref={ref} tabIndex={0} role="group" aria-label={`Graph of ${run.run}`}>
      {shape.steps.length === 0 ? (
        <p class="hint">There is no plan yet.</p>
      ) : width === 0 ? null : (
        <svg
          width={layout.width + 2 * MARGIN}
          height={layout.height + 2 * MARGIN}
          viewBox={`${-MARGIN} ${-MARGIN} ${layout.width + 2 * MARGIN} ${layout.height + 2 * MARGIN}`}
        >
          {layout.frames.map((frame) => (
            <Frame key={frame.id} frame={frame} group={groups.get(frame.id)} />
          ))}
          {layout.edges.map(({ from, to, points }) => (
            <path
              key={`${from} ${to}`}
              class={`edge ${toneOf(statusAt(byId, from))} ${statusAt(byId, to) === 'running' ? 'flows' : ''}`}
              d={curve(points, direction)}
            />
          ))}
          {layout.nodes.map(({ id, x, y }) => {
            const step = byId.get(id);
            return step === undefined ? null : (
              <Box key={id} step={step} run={run} at={{ x, y, width: boxWidth }} />
            );
          })}
        </svg>
      )}
    </div>
  );
}

const NOTHING: readonly [number, GraphLayout] = [
  0,
  { width: 0, height: 0, nodes: [], frames: [], edges: [] },
];

function statusAt(steps: ReadonlyMap<string, PlanStep>, id: string): string {
  const step = steps.get(id);
  return step === undefined ? '' : statusOf(step);
}

/** The state shown for several items: the first of these that any of them has. */
const LOUDEST = ['waiting-human', 'running', 'waiting', 'failed', 'cancelled', 'degraded'] as const;

/** The state of a step in all its items. */
function statusOf({ steps }: Pick<PlanStep, 'steps'>): string {
  const all = steps.map(({ status }) => status);
  const loud = LOUDEST.find((status) => all.includes(status));
  if (loud !== undefined) return loud;
  const [first = 'pending'] = all;
  if (all.every((status) => status === first)) return first;
  return all.includes('pending') ? 'pending' : 'succeeded';
}

/** A frame says what it repeats: `check · 3 items`, `polish · 2 passes`. */
function Frame({
  frame,
  group,
}: {
  readonly frame: PlacedFrame;
  readonly group: PlanGroup | undefined;
}): VNode | null {
  if (group === undefined) return null;
  const { step, items, passes, rounds } = group;
  const counts = [
    items > 1 ? plural(items, 'item') : '',
    passes > 1 ? plural(passes, 'pass', 'passes') : '',
    rounds > 1 ? plural(rounds, 'round') : '',
  ].filter((text) => text !== '');
  return (
    <g
      class={`frame ${toneOf(step.status)}`}
      transform={`translate(${frame.x} ${frame.y})`}
      data-group={group.id}
    >
      <title>{step.why ?? `${step.id}: ${step.status}`}</title>
      <rect width={frame.width} height={frame.height} rx={12} />
      <text class="box-about" x={13} y={19}>
        <tspan class="frame-name">{step.id}</tspan>
        {counts.map((text) => ` · ${text}`).join('')}
      </text>
    </g>
  );
}

/**
 * A graph that is wider than its frame is first seen where something runs, else at its beginning.
 */
function useSight(
  frame: { readonly current: HTMLElement | null },
  layout: GraphLayout | null,
  about: { readonly run: string; readonly id: string | undefined },
): void {
  const shown = useRef('');
  useEffect(() => {
    const place = layout?.nodes.find(({ id }) => id === about.id);
    if (frame.current === null || place === undefined || shown.current === about.run) return;
    shown.current = about.run;
    frame.current.scrollLeft = place.x + MARGIN - frame.current.clientWidth / 3;
  });
}

function fitLayout(
  { steps, groups }: PlanShape,
  direction: 'down' | 'right',
  room: number,
): readonly [number, GraphLayout] {
  let last = NOTHING;
  for (const [width, gap] of SIZES) {
    const gapAlong = direction === 'right' ? gap : groups.length > 0 ? 50 : 36;
    const size = { width, height: BOX_HEIGHT, gapAlong, gapAcross: 18, direction };
    last = [width, layoutGraph(steps, groups, size)];
    if (last[1].width <= room) break;
  }
  return last;
}

/** The steps; a run that still compiles shows that. */
function stepsOf(run: Run): readonly Step[] {
  const isCompiled = run.tasks.some(({ phase }) => phase === 'compile');
  if (!isCompiled || run.steps.length > 0) return run.steps;
  return [
    {
      id: 'compile',
      kind: 'prompt',
      folder: `${run.run}/steps/compile/`,
      needs: [],
      status: run.status === 'compile' ? 'running' : 'pending',
      why: null,
      tally: null,
    },
  ];
}

/** The tasks of a step, in every item that is shown of it. */
function tasksOf({ id, steps }: Pick<PlanStep, 'id' | 'steps'>, run: Run): readonly Task[] {
  if (id === 'compile' && run.steps.length === 0)
    return run.tasks.filter(({ phase }) => phase === 'compile');
  return run.tasks.filter(
    (task) =>
      task.phase !== 'compile' &&
      steps.some((step) => task.step === step.id && task.path.startsWith(step.folder)),
  );
}

function Box({
  step,
  run,
  at,
}: {
  readonly step: PlanStep;
  readonly run: Run;
  readonly at: { readonly x: number; readonly y: number; readonly width: number };
}): VNode {
  const tasks = tasksOf(step, run);
  const [first] = step.steps;
  const name = first?.id ?? step.id;
  const gate = run.gates.find((each) => each.gate === name && step.group === null);
  const status = gate?.state === 'open' ? 'waiting-human' : statusOf(step);
  const [only] = tasks;
  const target = gate?.id ?? only?.id ?? null;
  const open = (): void =>
    tasks.length > 1
      ? goTo({ at: 'run', id: run.run, tab: 'tasks' })
      : target === null
        ? undefined
        : goTo({ at: 'message', id: target });
  const letters = Math.floor((at.width - 38) / 6.1);
  const about = gate === undefined ? aboutStep(step, tasks, letters) : aboutGate(gate);
  const shown = {
    name: fit(name, Math.floor((at.width - 40) / 7.4)),
    about: fit(about === '' ? status : about, letters),
  };
  return (
    <g
      class={`box ${toneOf(status)} ${target === null ? '' : 'can-open'}`}
      transform={`translate(${at.x} ${at.y})`}
      tabIndex={target === null ? undefined : 0}
      role={target === null ? 'img' : 'link'}
      aria-label={`${shown.name} ${shown.about}: ${status}`}
      data-row={target === null ? undefined : ''}
      data-step={name}
      data-status={status}
      onClick={open}
      onKeyDown={(event) => {
        if (event.key === 'Enter') open();
      }}
    >
      <rect width={at.width} height={BOX_HEIGHT} rx={10} />
      <circle class="state" cx={18} cy={22} r={4.5} />
      <text class="box-name" x={31} y={26}>
        {shown.name}
      </text>{' '}
      <text class="box-about" x={31} y={45}>
        {shown.about}
      </text>
      {tasks.length > 1 ? (
        <TaskDots tasks={tasks} room={at.width - 44} top={BOX_HEIGHT - 10} />
      ) : null}
    </g>
  );
}

function aboutGate({ state, approvers, decision }: Run['gates'][number]): string {
  return state === 'open' ? `asks ${approvers.join(', ')}` : (decision ?? state);
}

/** A dash for each task of a step that has several. */
function TaskDots({
  tasks,
  room,
  top,
}: {
  readonly tasks: readonly Task[];
  readonly room: number;
  readonly top: number;
}): VNode {
  const width = Math.min(14, room / tasks.length);
  return (
    <g transform={`translate(31 ${top})`}>
      {tasks.slice(0, 60).map((task, at) => (
        <rect
          key={task.path}
          class={`dash ${toneOf(task.state === 'open' ? 'running' : task.state)}`}
          x={at * width}
          width={Math.max(1, width - 2)}
          height={3}
          rx={1.5}
        />
      ))}
    </g>
  );
}

function aboutStep({ steps }: PlanStep, tasks: readonly Task[], max: number): string {
  const [first] = steps;
  const [only] = tasks;
  const tally = steps.find((step) => step.tally !== null)?.tally;
  if (tally != null && steps.length === 1) return tallyText(tally);
  if (only === undefined)
    return first?.why ?? (first === undefined || first.kind === 'prompt' ? '' : first.kind);
  const usd = tasks.reduce((sum, task) => sum + task.usd, 0);
  const cost = usd > 0 ? ` · ${formatUsd(usd)}` : '';
  if (tasks.length > 1) {
    const whole = `${tasks.filter(({ state }) => state === 'succeeded').length} of ${tasks.length} done`;
    return whole.length + cost.length <= max ? whole + cost : whole;
  }
  const time = only.durationMs === null ? '' : ` · ${formatSpan(only.durationMs)}`;
  const whole = only.state === 'failed' ? `failed · ${whoDoes(only)}` : whoDoes(only);
  return [`${whole}${time}${cost}`, `${whole}${time}`].find((text) => text.length <= max) ?? whole;
}

/** `true 2, false 1`. */
function tallyText({ counts }: Tally): string {
  return counts.map(({ value, names }) => `${value} ${names.length}`).join(', ');
}

function fit(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
