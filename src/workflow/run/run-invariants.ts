/**
 * The promise I7 of the protocol as a fold over the history: of each run one plan, each task once,
 * plan before fan-out before synthesis before the routed reply, and no cap exceeded at any commit.
 * Judged is what dispatchers added; a run whose engine files a person changed or removed is left
 * alone from there on, because the engine rightly starts over where files are missing. Memory: open
 * runs, and one name for each that has ended.
 */
import { headLine } from '../../protocol/head-line.ts';
import {
  type CheckedChange,
  type CheckedCommit,
  isDispatcher,
  type Violation,
} from '../../protocol/invariants.ts';
import { decodeMessage } from '../../protocol/message.ts';
import { channelFolder, parseMessagePath } from '../../protocol/paths.ts';
import { readYamlMapping } from '../../protocol/yaml.ts';
import { parseHeader } from './header.ts';
import { asJson, isJsonObject, parseJson } from '../language/json.ts';
import {
  allSteps,
  DEFAULT_BUDGET,
  DEFAULT_MAX_PARALLEL,
  isListStep,
  type Plan,
} from '../language/plan.ts';
import { checkRaw } from '../language/source.ts';
import {
  completePath,
  headerPath,
  isGateDecision,
  isTurn,
  JOIN_KEY,
} from '../../protocol/run-paths.ts';

interface Task {
  readonly path: string;
  readonly step: string;
  readonly isAgent: boolean;
  isOpen: boolean;
}

interface Run {
  readonly root: string;
  readonly marker: string;
  hasPlan: boolean;
  plan: Plan | null;
  group: string | null;
  /** The most agents that the plan or a person's word ever allowed. */
  agentsMax: number;
  agents: number;
  readonly tasks: Map<string, Task>;
  /** What people and agents have added: whose answers decisions name. */
  readonly words: Set<string>;
}

type Say = (path: string, says: string) => void;

const TASK = /^(.*\/)task(?:\.(\d+))?\.md$/;
/** Written by the engine alone. */
const ENGINE_FILE =
  /^(RUN\.json|ADMIT\.json|COMPLETE|PLAN\.yaml|plan\/.*|steps\/.*\/(task(\.\d+)?\.md|again\.\d+\.json))$/;

/** A checker that takes one commit after the other and gives what is wrong with its runs. */
export function createRunChecker(): (commit: CheckedCommit) => readonly Violation[] {
  const runs = new Map<string, Run>();
  const ended = new Set<string>();
  return (commit) => {
    const violations: Violation[] = [];
    const say: Say = (path, says) =>
      violations.push({ invariant: 'I7', commit: commit.oid, path, says });
    const byDispatcher = isDispatcher(commit.committerEmail);
    const touched = new Set<Run>();
    for (const change of commit.changes) {
      if (byDispatcher && change.status === 'A') open(runs, change);
      const run = runAt(runs, change.path);
      if (run === null) {
        if (byDispatcher && change.status === 'A') judgeOutside(change, { ended, runs, say });
        continue;
      }
      noteReply(run, change);
      // Its place in the group is free as soon as it has to end.
      if (change.path === `${run.root}CANCEL`) run.group = null;
      if (change.status === 'A') noteAnswer(run, change, { byDispatcher, say });
      if (!byDispatcher) {
        if (change.status !== 'A' && ENGINE_FILE.test(change.path.slice(run.root.length)))
          runs.delete(channelOf(change.path));
        else noteWords(run, change);
      } else if (change.status === 'A') touched.add(run);
    }
    for (const run of touched) {
      const added = byDispatcher
        ? commit.changes.filter(({ status, path }) => status === 'A' && path.startsWith(run.root))
        : [];
      judgeAdded(run, added, say);
      judgeCaps({ run, added, runs }, say);
      const end = added.find(({ path }) => path === completePath(run.root));
      if (end === undefined) continue;
      judgeEnd(run, end, say);
      ended.add(channelOf(run.root));
      runs.delete(channelOf(run.root));
    }
    if (byDispatcher) judgeRouted(commit, { runs, say });
    return violations;
  };
}

function channelOf(path: string): string {
  return path.split('/')[2] ?? '';
}

function runAt(runs: ReadonlyMap<string, Run>, path: string): Run | null {
  return runs.get(channelOf(path)) ?? null;
}

function textOf({ bytes }: CheckedChange): string {
  return bytes === null ? '' : Buffer.from(bytes).toString('utf8');
}

function open(runs: Map<string, Run>, change: CheckedChange): void {
  const channel = channelOf(change.path);
  const root = `${channelFolder(channel)}/`;
  if (change.path !== headerPath(root)) return;
  const header = parseHeader(textOf(change));
  if (header === null) return;
  runs.set(channel, {
    root,
    marker: header.marker,
    hasPlan: false,
    plan: null,
    group: null,
    agentsMax: DEFAULT_BUDGET.agents ?? Infinity,
    agents: 0,
    tasks: new Map(),
    words: new Set(),
  });
}

/** What stands in a channel that holds no open run. */
function judgeOutside(
  change: CheckedChange,
  {
    ended,
    runs,
    say,
  }: {
    readonly ended: ReadonlySet<string>;
    readonly runs: ReadonlyMap<string, Run>;
    readonly say: Say;
  },
): void {
  const channel = channelOf(change.path);
  if (!ended.has(channel) || runs.has(channel)) return;
  const relative = change.path.slice(channelFolder(channel).length + 1);
  if (relative === 'PLAN.yaml') say(change.path, 'a second plan of the same run');
  else if (ENGINE_FILE.test(relative)) say(change.path, 'comes after the end of its run');
}

function noteReply(run: Run, { path, status }: CheckedChange): void {
  const replyTo = status === 'D' ? null : parseMessagePath(path)?.replyTo;
  const task = replyTo == null ? undefined : run.tasks.get(replyTo.path);
  if (task !== undefined) task.isOpen = false;
}

/** A decision is written by a dispatcher, and names answers that stood before it. */
function noteAnswer(
  run: Run,
  change: CheckedChange,
  { byDispatcher, say }: { readonly byDispatcher: boolean; readonly say: Say },
): void {
  const { path } = change;
  if (!byDispatcher) run.words.add(path);
  if (!isGateDecision(path.slice(run.root.length))) return;
  if (!byDispatcher) {
    say(path, 'a decision that no dispatcher wrote down');
    return;
  }
  const json = parseJson(textOf(change));
  const isTaken = isJsonObject(json) && typeof json['reused'] === 'string';
  const named = isJsonObject(json) && Array.isArray(json['answers']) ? json['answers'] : [];
  const missing = isTaken
    ? []
    : named.filter((each) => typeof each !== 'string' || !run.words.has(each));
  if (missing.length > 0)
    say(path, `a decision that names ${JSON.stringify(missing[0])}, which nobody had written`);
}

/** A person may raise the number of agents: `op: budget`. */
function noteWords(run: Run, change: CheckedChange): void {
  const read = change.bytes === null ? null : decodeMessage(change.bytes);
  const agents =
    read?.kind === 'message' && read.message.fields.op === 'budget'
      ? /^agents:\s*(\d+)\s*$/m.exec(read.message.yaml)?.[1]
      : undefined;
  if (agents !== undefined) run.agentsMax = Math.max(run.agentsMax, Number(agents));
}

function judgeAdded(run: Run, added: readonly CheckedChange[], say: Say): void {
  const hadPlan = run.hasPlan;
  const isAnswered = (path: string): boolean =>
    added.some((each) => parseMessagePath(each.path)?.replyTo?.path === path);
  const before = new Map([...run.tasks].map(([path, { isOpen }]) => [path, isOpen] as const));
  for (const change of added) {
    const relative = change.path.slice(run.root.length);
    if (relative === 'PLAN.yaml') {
      if (run.hasPlan) say(change.path, 'a second plan of the same run');
      run.hasPlan = true;
      takePlan(run, change);
    } else if (/^plan\/\d+\.yaml$/.test(relative)) takePlan(run, change);
    else if (relative === 'ADMIT.json') {
      const admitted = parseJson(textOf(change));
      run.group =
        isJsonObject(admitted) && typeof admitted['group'] === 'string' ? admitted['group'] : '';
    }
    const named = TASK.exec(relative);
    if (named === null) continue;
    const task = decodeTask(change, isAnswered(change.path));
    if (run.tasks.has(change.path)) say(change.path, 'a task of that place stood before');
    judgeOrder({ run, path: change.path, before, hadPlan, named, phase: task.phase }, say);
    if (task.key !== null && !isOwnFolder(named[1] ?? '', task.key))
      say(change.path, `the task of "${task.key}" stands in the folder of another`);
    run.tasks.set(change.path, task);
    if (task.isAgent) run.agents += 1;
  }
}

function takePlan(run: Run, change: CheckedChange): void {
  const read = readYamlMapping(textOf(change), 'typed');
  const raw = read.kind === 'mapping' ? asJson(read.value) : undefined;
  if (!isJsonObject(raw)) return;
  run.plan = checkRaw(raw, { models: null, served: new Map() }, () => ({ line: 0 })).plan;
  run.agentsMax = Math.max(run.agents, run.plan.budget.agents ?? Infinity);
}

interface Decoded extends Task {
  readonly phase: string | null;
  readonly key: string | null;
}

function decodeTask(change: CheckedChange, isAnswered: boolean): Decoded {
  const read = change.bytes === null ? null : decodeMessage(change.bytes);
  const yaml = read?.kind === 'message' ? read.message.yaml : '';
  const own = (name: string): string | null => headLine(yaml, name);
  const to = read?.kind === 'message' ? read.message.fields.to[0]?.name : undefined;
  return {
    path: change.path,
    step: own('step') ?? '',
    // What is taken over from another task, or played, comes with its reply.
    isAgent: !isAnswered && to !== 'workflow',
    isOpen: !isAnswered,
    phase: own('workflow_phase'),
    key: own('key'),
  };
}

interface Order {
  readonly run: Run;
  readonly path: string;
  /** Tasks that stood before this commit, and whether they were open then. */
  readonly before: ReadonlyMap<string, boolean>;
  readonly hadPlan: boolean;
  readonly named: RegExpExecArray;
  readonly phase: string | null;
}

function judgeOrder({ run, path, before, hadPlan, named, phase }: Order, say: Say): void {
  if (phase !== 'compile' && !hadPlan) say(path, 'a task that was added before the plan stood');
  const n = Number(named[2] ?? 1);
  const last = `${run.root}${named[1] ?? ''}task${n === 2 ? '' : `.${n - 1}`}.md`;
  if (n > 1 && !before.has(last))
    say(path, 'the next task of a chain, and the one before never stood');
  else if (n > 1 && before.get(last) === true)
    say(path, 'the next task of a chain, and the one before is not answered');
  if (phase !== 'synthesize') return;
  const folder = (named[1] ?? '').replace(/join\/$/, '');
  const candidates = [...before].filter(
    ([other]) =>
      other.startsWith(`${run.root}${folder}`) &&
      !other.startsWith(`${run.root}${folder}${JOIN_KEY}/`),
  );
  const isOpen = candidates.find(([, open]) => open);
  if (candidates.length === 0) say(path, 'a synthesis of nothing: no fan-out stood before it');
  else if (isOpen !== undefined) say(path, `a synthesis while ${isOpen[0]} is not answered`);
}

/** The folder of a chain ends with its key, after the marks of rounds and passes. */
function isOwnFolder(folder: string, key: string): boolean {
  return (
    key === '' ||
    (folder.endsWith(`${key}/`) &&
      isTurn(
        folder
          .slice(0, -key.length - 1)
          .split('/')
          .at(-1) ?? '',
      ))
  );
}

interface Capped {
  readonly run: Run;
  readonly added: readonly CheckedChange[];
  readonly runs: ReadonlyMap<string, Run>;
}

function judgeCaps({ run, added, runs }: Capped, say: Say): void {
  const started = added.filter(({ path }) => run.tasks.get(path)?.isOpen === true);
  const last = started.at(-1)?.path;
  if (last !== undefined) {
    const isOpen = [...run.tasks.values()].filter((task) => task.isOpen);
    const max = run.plan?.maxParallel ?? DEFAULT_MAX_PARALLEL;
    if (isOpen.length > max)
      say(last, `${isOpen.length} tasks are at work, and max-parallel is ${max}`);
    if (run.agents > run.agentsMax)
      say(last, `the run has asked ${run.agents} agents, and its budget is ${run.agentsMax}`);
    for (const step of run.plan === null ? [] : allSteps(run.plan.steps)) {
      if (step.maxParallel === null || !isListStep(step) || step.body.kind !== 'prompt') continue;
      const items = new Set(
        isOpen.flatMap((task) => (task.step === step.id ? [itemOf(task.path, step.id)] : [])),
      );
      if (items.size > step.maxParallel)
        say(
          last,
          `${items.size} items of "${step.id}" are at work, and its max-parallel is ${step.maxParallel}`,
        );
    }
  }
  const admitted = added.find(({ path }) => path === `${run.root}ADMIT.json`);
  if (admitted === undefined || run.plan?.concurrency == null) return;
  const active = [...runs.values()].filter(({ group }) => group !== null && group === run.group);
  if (active.length > run.plan.concurrency.max)
    say(
      admitted.path,
      `${active.length} runs of the group "${run.group ?? ''}" are at work, and its max is ${run.plan.concurrency.max}`,
    );
}

/** `steps/build/<item>/…`: the item, within whatever group the step stands in. */
function itemOf(path: string, step: string): string {
  const at = path.lastIndexOf(`/${step}/`);
  return (
    path.slice(0, at + step.length + 2) + (path.slice(at + step.length + 2).split('/')[0] ?? '')
  );
}

function judgeEnd(run: Run, { path }: CheckedChange, say: Say): void {
  const isOpen = [...run.tasks.values()].find((task) => task.isOpen);
  if (isOpen !== undefined) say(path, `the end of a run while ${isOpen.path} is not answered`);
}

/** The routed reply of a run that still continues. */
function judgeRouted(
  commit: CheckedCommit,
  { runs, say }: { readonly runs: ReadonlyMap<string, Run>; readonly say: Say },
): void {
  if (runs.size === 0) return;
  for (const { path, status } of commit.changes) {
    const replyTo = status === 'A' ? parseMessagePath(path)?.replyTo : null;
    if (replyTo?.recipient !== 'workflow') continue;
    const run = [...runs.values()].find(({ marker }) => marker === replyTo.path);
    if (run !== undefined)
      say(path, `the routed reply of a run that has not ended: ${run.root}COMPLETE is missing`);
  }
}
