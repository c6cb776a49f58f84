/** A run as a graph: a box for each step with its state, a line for each need. */
import type { VNode } from 'preact';
import { formatSpan, formatUsd } from './format.ts';
import { useEffect, useRef } from 'preact/hooks';
import { curve, type GraphLayout, type GraphNode, layoutGraph } from './layout-graph.ts';
import { toneOf, useWidth } from './parts.tsx';
import { groupsOf, nodesOf } from './place-in-run.ts';
import { goTo } from './state.ts';
import type { Run, Step, Task } from './told.ts';
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

export function Graph({ run }: { readonly run: Run }): VNode {
  const [ref, width] = useWidth();
  const steps = stepsOf(run);
  const nodes: readonly GraphNode[] = nodesOf(steps);
  const direction = width < NARROW ? 'down' : 'right';
  const [boxWidth, layout] = fitLayout(nodes, direction, width - ROOM);
  const byFolder = new Map(steps.map((step) => [step.folder, step]));
  useSight(ref, width === 0 ? null : layout, {
    run: run.run,
    folder: (steps.find(({ status }) => ['waiting-human', 'running'].includes(status)) ?? steps[0])
      ?.folder,
  });
  return (
    <div class="graph" ref={ref} tabIndex={0} role="group" aria-label={`Graph of ${run.run}`}>
      {steps.length === 0 ? (
        <p class="hint">There is no plan yet.</p>
      ) : width === 0 ? null : (
        <svg
          width={layout.width + 2 * MARGIN}
          height={layout.height + 2 * MARGIN}
          viewBox={`${-MARGIN} ${-MARGIN} ${layout.width + 2 * MARGIN} ${layout.height + 2 * MARGIN}`}
        >
          {layout.edges.map(({ from, to, points }) => (
            <path
              key={`${from} ${to}`}
              class={`edge ${toneOf(byFolder.get(from)?.status ?? '')} ${byFolder.get(to)?.status === 'running' ? 'flows' : ''}`}
              d={curve(points, direction)}
            />
          ))}
          {layout.nodes.map(({ id, x, y }) => {
            const step = byFolder.get(id);
            return step === undefined ? null : (
              <Box key={id} step={step} run={run} at={{ x, y, width: boxWidth }} />
            );
          })}
        </svg>
      )}
    </div>
  );
}

/**
 * A graph that is wider than its frame is first seen where something goes on, else at its
 * beginning.
 */
function useSight(
  frame: { readonly current: HTMLElement | null },
  layout: GraphLayout | null,
  about: { readonly run: string; readonly folder: string | undefined },
): void {
  const shown = useRef('');
  useEffect(() => {
    const place = layout?.nodes.find(({ id }) => id === about.folder);
    if (frame.current === null || place === undefined || shown.current === about.run) return;
    shown.current = about.run;
    frame.current.scrollLeft = place.x + MARGIN - frame.current.clientWidth / 3;
  });
}

function fitLayout(
  nodes: readonly GraphNode[],
  direction: 'down' | 'right',
  room: number,
): readonly [number, GraphLayout] {
  const laid = SIZES.map(([width, gap]) => {
    const size = {
      width,
      height: BOX_HEIGHT,
      gapAlong: direction === 'right' ? gap : 36,
      gapAcross: 18,
      direction,
    };
    return [width, layoutGraph(nodes, size)] as const;
  });
  return (
    laid.find(([, { width }]) => width <= room) ??
    laid.at(-1) ?? [0, { width: 0, height: 0, nodes: [], edges: [] }]
  );
}

/** The steps; a run that still compiles shows that. */
function stepsOf(run: Run): readonly Step[] {
  const isCompiled = run.tasks.some(({ phase }) => phase === 'compile');
  if (!isCompiled || run.steps.length > 0) return run.steps;
  return [
    {
      id: 'compile',
      kind: 'prompt',
      folder: 'compile/',
      needs: [],
      status: run.status === 'compile' ? 'running' : 'pending',
      why: null,
    },
  ];
}

export function tasksOf(step: Step, run: Run): readonly Task[] {
  if (step.folder === 'compile/') return run.tasks.filter(({ phase }) => phase === 'compile');
  return run.tasks.filter(
    (task) =>
      task.phase !== 'compile' && task.step === step.id && task.path.startsWith(step.folder),
  );
}

function Box({
  step,
  run,
  at,
}: {
  readonly step: Step;
  readonly run: Run;
  readonly at: { readonly x: number; readonly y: number; readonly width: number };
}): VNode {
  const tasks = tasksOf(step, run);
  const gate = run.gates.find((each) => each.gate === step.id);
  const status = gate?.state === 'open' ? 'waiting-human' : step.status;
  const { groups, name, rows } = headOf(step);
  const [only] = tasks;
  const target = gate?.id ?? only?.id ?? null;
  const open = (): void =>
    tasks.length > 1
      ? goTo({ at: 'run', id: run.run, tab: 'tasks' })
      : target === null
        ? undefined
        : goTo({ at: 'message', id: target });
  const about =
    gate === undefined
      ? aboutTasks(step, tasks, Math.floor((at.width - 38) / 6.1))
      : gate.state === 'open'
        ? `asks ${gate.approvers.join(', ')}`
        : (gate.decision ?? 'decided');
  return (
    <g
      class={`box ${toneOf(status)} ${target === null ? '' : 'can-open'}`}
      transform={`translate(${at.x} ${at.y})`}
      tabIndex={target === null ? undefined : 0}
      role={target === null ? 'img' : 'link'}
      aria-label={`${name}: ${status}${about === '' ? '' : `, ${about}`}`}
      data-row={target === null ? undefined : ''}
      data-step={step.id}
      data-status={status}
      onClick={open}
      onKeyDown={(event) => {
        if (event.key === 'Enter') open();
      }}
    >
      <title>{step.why === null ? `${name}: ${status}` : `${name}: ${step.why}`}</title>
      <rect width={at.width} height={BOX_HEIGHT} rx={10} />
      <circle class="state" cx={18} cy={rows[0] - 4} r={4.5} />
      <text class="box-name" x={31} y={rows[0]}>
        {fit(step.id, Math.floor((at.width - 40) / 7.4))}
      </text>
      <text class="box-about" x={31} y={36}>
        {fit(groups, Math.floor((at.width - 38) / 6.1))}
      </text>
      <text class="box-about" x={31} y={rows[1]}>
        {fit(about === '' ? status : about, Math.floor((at.width - 38) / 6.1))}
      </text>
      {tasks.length > 1 ? <TaskDots tasks={tasks} room={at.width - 44} top={rows[2]} /> : null}
    </g>
  );
}

/**
 * What a box is called, and where its lines stand: name, who does it, dashes. One in a group has a
 * line more, for its item and pass.
 */
function headOf(step: Step): {
  readonly groups: string;
  readonly name: string;
  readonly rows: readonly [number, number, number];
} {
  const groups = groupsOf(step.folder);
  if (groups === '') return { groups, name: step.id, rows: [26, 45, BOX_HEIGHT - 10] };
  return { groups, name: `${step.id}, ${groups}`, rows: [20, 52, BOX_HEIGHT - 7] };
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

function aboutTasks(step: Step, tasks: readonly Task[], max: number): string {
  const [only] = tasks;
  if (only === undefined) return step.why ?? (step.kind === 'prompt' ? '' : step.kind);
  const usd = tasks.reduce((sum, task) => sum + task.usd, 0);
  const cost = usd > 0 ? ` · ${formatUsd(usd)}` : '';
  if (tasks.length > 1)
    return `${tasks.filter(({ state }) => state === 'succeeded').length} of ${tasks.length} done${cost}`;
  const whole = `${whoDoes(only)}${only.durationMs === null ? '' : ` · ${formatSpan(only.durationMs)}`}`;
  return whole.length <= max ? whole : whoDoes(only);
}

function fit(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
