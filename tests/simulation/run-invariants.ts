/**
 * I7: what must be true of every workflow run at every commit, whatever happened. Read from the
 * paths and keys of the history alone, without the engine: one plan, each task answered once, plan
 * ≺ fan-out ≺ synthesis ≺ route, caps never exceeded, one end and nothing after it.
 */
import { readTrailer } from '../../src/protocol/trailers.ts';
import { readMessage } from '../../src/workflow/run/message-memo.ts';
import { readYamlMapping } from '../../src/protocol/yaml.ts';
import type { HistoryStep } from './invariants.ts';

const TASK = /^data\/channels\/([^/]+)\/((?:steps|plan)\/(?:.+\/)?)task(?:\.(\d+))?\.md$/;
const REPLY =
  /^(data\/channels\/[^/]+\/(?:steps|plan)\/(?:.+\/)?task(?:\.\d+)?)\.re\.([a-z0-9._-]+)\.md$/;

interface Task {
  readonly path: string;
  readonly folder: string;
  readonly n: number;
  readonly to: string;
  reply: string | null;
  isReused: boolean;
}

interface RunState {
  readonly run: string;
  readonly marker: string;
  readonly tasks: Map<string, Task>;
  plan: Readonly<Record<string, unknown>> | null;
  agentsMax: number;
  isAdmitted: boolean;
  isCancelled: boolean;
  isComplete: boolean;
}

/** Everything that is wrong with the runs of a history, and how often each transition was taken. */
export function checkWorkflows(history: readonly HistoryStep[]): {
  readonly problems: readonly string[];
  readonly transitions: readonly string[];
} {
  const problems: string[] = [];
  const transitions: string[] = [];
  const runs = new Map<string, RunState>();
  for (const step of history) {
    const name = transitionOf(step);
    if (name !== null) transitions.push(name, ...startsOf(step));
    problems.push(
      ...checkCommit(runs, step).map((problem) => `I7 ${step.commit.oid.slice(0, 8)} ${problem}`),
    );
  }
  return { problems, transitions };
}

/** Runs that stand open in a tree at rest. */
export function listOpenRuns(files: ReadonlyMap<string, string>): readonly string[] {
  return [...files.keys()].flatMap((path) => {
    const run = /^data\/channels\/([^/]+)\/RUN\.json$/.exec(path)?.[1];
    return run === undefined || files.has(`data/channels/${run}/COMPLETE`) ? [] : [run];
  });
}

/**
 * The kind of a transition: what its commit says it is, without the names of steps.
 */
function transitionOf({ commit }: HistoryStep): string | null {
  const name = readTrailer(commit.message, 'Transition');
  if (name === null) return null;
  if (/ pass \d/.test(name)) return 'next pass';
  if (/ \((left|right)\)$/.test(name)) return 'decide (choice)';
  if (/^fail .+ \(budget\)/.test(name)) return 'fail step';
  if (/^(route|fail|decide .*|follow .*) \(/.test(name))
    return name.replace(/^(\S+).* (\(.*)$/, '$1 $2');
  if (name.endsWith('(refused)')) return 'control (refused)';
  return /^budget hold/.test(name) ? 'budget hold' : (name.split(' ')[0] ?? name);
}

/** What a transition starts that its name does not tell. */
function startsOf({ added }: HistoryStep): readonly string[] {
  const tasks = [...added].filter(([path]) => TASK.test(path));
  return [
    ...(tasks.some(([path]) => path.includes('/steps/unsend/')) ? ['undo'] : []),
    ...(tasks.some(([, text]) => /^to: "?workflow/m.test(text)) ? ['child'] : []),
  ];
}

function isEngine({ commit }: HistoryStep): boolean {
  return commit.author.email === 'workflow@crosstalk';
}

function checkCommit(runs: Map<string, RunState>, step: HistoryStep): readonly string[] {
  const problems: string[] = [];
  const paths = [...step.added.keys()];
  for (const path of paths)
    if (path.endsWith('/RUN.json')) problems.push(...open(runs, path, step.added.get(path) ?? ''));
  const added = new Map<RunState, Task[]>();
  for (const path of paths) {
    const run = runs.get(/^data\/channels\/([^/]+)\//.exec(path)?.[1] ?? '');
    if (run === undefined) continue;
    if (run.isComplete && isEngine(step)) problems.push(`${path} is added after the end`);
    const hadPlan = run.plan !== null;
    takeState(run, path, step.added.get(path) ?? '');
    const task = readTask(path, step.added.get(path) ?? '');
    if (task === null) continue;
    run.tasks.set(path, task);
    added.set(run, [...(added.get(run) ?? []), task]);
    if (!hadPlan && task.folder.startsWith('steps/'))
      problems.push(`${path} comes before or with the plan`);
    problems.push(...checkOrder(run, task));
  }
  for (const path of paths) problems.push(...takeReply(runs, path, step.added.get(path) ?? ''));
  for (const [run, tasks] of added) problems.push(...checkCaps(run, tasks));
  for (const path of paths) problems.push(...takeEnd(runs, path, step));
  raiseLimits(runs, step);
  return [...problems, ...checkGroups(runs, step)];
}

function open(runs: Map<string, RunState>, path: string, text: string): readonly string[] {
  const run = path.split('/')[2] ?? '';
  const marker = /"marker": "([^"]+)"/.exec(text)?.[1] ?? '?';
  const twice = [...runs.values()].filter((other) => other.marker === marker);
  runs.set(run, {
    run,
    marker,
    tasks: new Map(),
    plan: null,
    agentsMax: Infinity,
    isAdmitted: false,
    isCancelled: false,
    isComplete: false,
  });
  return twice.map((other) => `${marker} has two runs: ${other.run} and ${run}`);
}

function takeState(run: RunState, path: string, text: string): void {
  const root = `data/channels/${run.run}/`;
  if (path === `${root}PLAN.yaml` || /\/plan\/\d+\.yaml$/.test(path)) takePlan(run, text);
  if (path === `${root}ADMIT.json`) run.isAdmitted = true;
  if (path === `${root}CANCEL`) run.isCancelled = true;
}

function takePlan(run: RunState, text: string): void {
  const read = readYamlMapping(text, 'typed');
  if (read.kind !== 'mapping') return;
  const isFirst = run.plan === null;
  run.plan = read.value;
  const agents = numberIn(read.value['budget'], 'agents');
  if (isFirst) run.agentsMax = agents ?? 1_000;
}

function numberIn(value: unknown, key: string): number | null {
  const found =
    typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)[key]
      : undefined;
  return typeof found === 'number' ? found : null;
}

function readTask(path: string, text: string): Task | null {
  const [, , folder, n] = TASK.exec(path) ?? [];
  if (folder === undefined) return null;
  const read = readMessage(text);
  const to = read.kind === 'message' ? (read.message.fields.to[0]?.name ?? '?') : '?';
  return { path, folder, n: Number(n ?? 1), to, reply: null, isReused: false };
}

/**
 * A chain continues when its last task was answered; a synthesis begins when all it joins have
 * ended.
 */
function checkOrder(run: RunState, task: Task): readonly string[] {
  const unanswered = (of: readonly Task[]): readonly string[] =>
    of
      .filter(({ reply }) => reply === null)
      .map(({ path }) => `${task.path} is added while ${path} is open`);
  const before = [...run.tasks.values()].filter(
    ({ folder, n }) => folder === task.folder && n < task.n,
  );
  const [, parent, prefix] = /^(.*\/)((?:[rn]\d+-)*)join\/$/.exec(task.folder) ?? [];
  if (parent === undefined) return unanswered(before);
  const joined = [...run.tasks.values()].filter(({ folder }) => {
    const name = folder.startsWith(parent) ? folder.slice(parent.length) : '';
    const [, own, rest] = /^((?:[rn]\d+-)*)([^/]+)\/$/.exec(name) ?? [];
    return own === prefix && rest !== undefined && rest !== 'join';
  });
  return [
    ...unanswered([...before, ...joined]),
    ...(joined.length === 0 ? [`${task.path} joins nothing`] : []),
  ];
}

function takeReply(
  runs: ReadonlyMap<string, RunState>,
  path: string,
  text: string,
): readonly string[] {
  const [, stem, model] = REPLY.exec(path) ?? [];
  const run = runs.get(path.split('/')[2] ?? '');
  const task = stem === undefined ? undefined : run?.tasks.get(`${stem}.md`);
  if (task === undefined) return [];
  // A file beside it that a person put under another name is not an answer.
  if (model !== task.to) return [];
  const problems =
    task.reply === null ? [] : [`${task.path} is answered by ${task.reply} and ${path}`];
  task.reply = path;
  task.isReused = /^reused:/m.test(text);
  return problems;
}

function checkCaps(run: RunState, added: readonly Task[]): readonly string[] {
  const tasks = [...run.tasks.values()];
  const problems: string[] = [];
  const fresh = added.filter(({ isReused, reply }) => !isReused && reply === null);
  const max = numberIn(run.plan, 'max-parallel') ?? 4;
  const openNow = tasks.filter(({ reply }) => reply === null);
  if (fresh.length > 0 && openNow.length > max)
    problems.push(`${run.run} has ${openNow.length} tasks open and max-parallel ${max}`);
  const agents = tasks.filter(({ isReused, to }) => !isReused && to !== 'workflow').length;
  if (fresh.some(({ to }) => to !== 'workflow') && agents > run.agentsMax)
    problems.push(`${run.run} has started ${agents} agents and may start ${run.agentsMax}`);
  for (const [id, own] of Object.entries(
    (run.plan?.['steps'] ?? {}) as Readonly<Record<string, unknown>>,
  )) {
    const limit = numberIn(own, 'max-parallel');
    const units = new Set(
      openNow.flatMap(({ folder }) =>
        folder.startsWith(`steps/${id}/`) && !folder.includes('/join/')
          ? [folder.split('/')[2] ?? '']
          : [],
      ),
    );
    if (limit !== null && fresh.length > 0 && units.size > limit)
      problems.push(
        `${run.run} works on ${[...units].join()} of "${id}" at once and may on ${limit}`,
      );
  }
  return problems;
}

/** A budget message counts from the commit that answers it. */
function raiseLimits(runs: ReadonlyMap<string, RunState>, { added, files }: HistoryStep): void {
  for (const path of added.keys()) {
    const [, stem, name] =
      /^(data\/channels\/([^/]+)\/said-\d+)\.re\.workflow\.md$/.exec(path) ?? [];
    const run = runs.get(name ?? '');
    const said = stem === undefined ? undefined : files.get(`${stem}.md`);
    if (run === undefined || said === undefined || /^failed: true/m.test(added.get(path) ?? ''))
      continue;
    const agents = /^op: budget\nagents: (\d+)$/m.exec(said)?.[1];
    if (agents !== undefined) run.agentsMax = Number(agents);
  }
}

function takeEnd(
  runs: ReadonlyMap<string, RunState>,
  path: string,
  { added, files }: HistoryStep,
): readonly string[] {
  const run = runs.get(/^data\/channels\/([^/]+)\/COMPLETE$/.exec(path)?.[1] ?? '');
  if (run === undefined) return [];
  run.isComplete = true;
  const routed = `${run.marker.slice(0, -3)}.re.workflow.md`;
  const open = [...run.tasks.values()].filter(({ reply }) => reply === null);
  return [
    ...open.map((task) => `${run.run} ends while ${task.path} is open`),
    ...(added.has(routed) || files.has(routed) ? [] : [`${run.run} ends without a routed reply`]),
  ];
}

/** A group of at most one: of all that have their place, one has not ended. */
function checkGroups(
  runs: ReadonlyMap<string, RunState>,
  { added, files }: HistoryStep,
): readonly string[] {
  if (![...added.keys()].some((path) => path.endsWith('/ADMIT.json'))) return [];
  // One that was answered by hand leaves its place at once.
  const active = [...runs.values()].filter(
    ({ marker, isAdmitted, isCancelled, isComplete }) =>
      isAdmitted &&
      !isCancelled &&
      !isComplete &&
      !files.has(`${marker.slice(0, -3)}.re.workflow.md`),
  );
  return active.length <= 1
    ? []
    : [`${active.map(({ run }) => run).join()} are in one group at once`];
}
