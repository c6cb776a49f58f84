/**
 * The names of a run's files below the folder of its channel, composed and taken apart side by
 * side. `root` is that folder with its slash, `below` a path without it. Imports nothing, so that
 * the page can read these names as well. PROTOCOL.md "Workflows".
 */

/** The key of the only task of a step. */
export const ONLY_KEY = 'one';
/** The key of the task that joins the answers of others. */
export const JOIN_KEY = 'join';

/** The file that a run begins with. */
export function headerPath(root: string): string {
  return `${root}RUN.json`;
}

/** The file that a run ends with. */
export function completePath(root: string): string {
  return `${root}COMPLETE`;
}

/** The plan that a run begins with. */
export function firstPlanPath(root: string): string {
  return `${root}PLAN.yaml`;
}

/** The folder of the task that writes a plan, and of the plan's amendments. */
export function planFolder(root: string): string {
  return `${root}plan/`;
}

/** The n-th plan of a run, n ≥ 2. */
export function amendPath(root: string, n: number): string {
  return `${planFolder(root)}${String(n)}.yaml`;
}

/** The folder of the steps of a run, or of an item of a group. */
export function stepsFolder(parent: string): string {
  return `${parent}steps/`;
}

/** The folder of one step. */
export function folderOfStep(parent: string, step: string): string {
  return `${stepsFolder(parent)}${step}/`;
}

/** How often a step was started over. Both count from 1. */
export interface Turn {
  /** One more each time a gate sends the work back. */
  readonly round: number;
  /** One more each time a loop repeats it. */
  readonly pass: number;
}

const STEPS = /(?:^|\/)steps\//;
const TURN = /^(?:r(\d+)-)?(?:n(\d+)-)?/;
const TURN_IN_PATH = /\/(?:r\d+-)?(?:n\d+-)?/g;

/** What stands before a key in the name of a folder: `r2-n3-`; empty for the first of both. */
export function formatTurn({ round, pass }: Turn): string {
  return `${round > 1 ? `r${String(round)}-` : ''}${pass > 1 ? `n${String(pass)}-` : ''}`;
}

/** `r2-n3-login` → the third pass over "login", after a gate has sent it back once. */
export function parseTurn(name: string): Turn & { readonly key: string } {
  const [mark = '', round, pass] = TURN.exec(name) ?? [];
  return { round: Number(round ?? 1), pass: Number(pass ?? 1), key: name.slice(mark.length) };
}

/** The same for people: `login, pass 3, round 2`; empty where nothing is repeated. */
export function tellTurn(name: string): string {
  const { key, pass, round } = parseTurn(name);
  return [
    key === ONLY_KEY ? '' : key,
    pass === 1 ? '' : `pass ${String(pass)}`,
    round === 1 ? '' : `round ${String(round)}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** The turn of the innermost step whose task stands at a path. */
export function turnOfTask(path: string): Turn {
  return parseTurn(path.split(STEPS).at(-1)?.split('/')[1] ?? '');
}

/** The folder of a file, in all its turns the same text. */
export function folderWithoutTurns(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1).replaceAll(TURN_IN_PATH, '/');
}

/** True for what stands before a key, and for nothing at all. */
export function isTurn(mark: string): boolean {
  return TURN.exec(mark)?.[0] === mark;
}

/** True for a key that would be read as a turn and another key. */
export function looksLikeTurn(key: string): boolean {
  return /^[nr]\d+-/.test(key);
}

/** True for a key that no item may have: the run's own folders are named so. */
export function isReservedKey(key: string): boolean {
  return looksLikeTurn(key) || /^(?:join|one|gates|c\d+)$/.test(key);
}

/** The key of the n-th of several candidates; `name` is that of its model, or empty. */
export function candidateKey(name: string, n: number): string {
  return `${name === '' ? '' : `${name}-`}c${String(n)}`;
}

/** The n-th task of a chain: `task.md`, `task.2.md` … */
export function taskPath(folder: string, n: number): string {
  return `${folder}task${n === 1 ? '' : `.${String(n)}`}.md`;
}

/** Which task of its chain stands at a path; null when none does. */
export function taskNumber(path: string): number | null {
  const match = /\/task(?:\.(\d+))?\.md$/.exec(path);
  return match === null ? null : Number(match[1] ?? 1);
}

/** The step, with the keys and steps inside it, whose task stands at `below`; else null. */
export function stepOfTask(below: string): string | null {
  return /^steps\/(.+)\/task(?:\.\d+)?\.md$/.exec(below)?.[1] ?? null;
}

/** The step at the top of the plan to whose folder `below` belongs; else null. */
export function topStepOf(below: string): string | null {
  return /^steps\/([^/]+)\//.exec(below)?.[1] ?? null;
}

/** True for what a run asks an agent with. */
export function isBelowTasks(below: string): boolean {
  return below.startsWith('steps/') || below.startsWith('plan/');
}

/** True below the folders that a run makes. */
export function isBelowRun(below: string): boolean {
  return isBelowTasks(below) || below.startsWith('gates/');
}

/** The folders of the steps around a path, each with its turn and key; the outermost first. */
export function groupsAround(path: string): readonly string[] {
  const inner = path.split(STEPS).slice(1, -1);
  return inner.map((part) => part.split('/').at(-1) ?? '');
}

/** The ids of the steps around a step's folder, the outermost first, and its own. */
export function stepIds(folder: string): readonly string[] {
  return folder
    .split(STEPS)
    .slice(1)
    .map((part) => part.split('/')[0] ?? '');
}

/** The folder of a run's gates. */
export function gatesFolder(root: string): string {
  return `${root}gates/`;
}

/** The folder of a gate in one round. */
export function gateFolder(root: string, gate: string, round: number): string {
  return `${gatesFolder(root)}${gate}${round > 1 ? `.r${String(round)}` : ''}/`;
}

/** The question in a gate's folder. */
export function askPath(folder: string): string {
  return `${folder}ask.md`;
}

/** What was decided, in the folder of a gate or of a choice. */
export function decisionPath(folder: string): string {
  return `${folder}decision.json`;
}

/** The gate whose question stands at `below`; else null. */
export function gateOfAsk(below: string): string | null {
  return /^gates\/([^/]+?)(?:\.r\d+)?\/ask\.md$/.exec(below)?.[1] ?? null;
}

/** True for the decision of a gate. */
export function isGateDecision(below: string): boolean {
  return /^gates\/[^/]+\/decision\.json$/.test(below);
}
