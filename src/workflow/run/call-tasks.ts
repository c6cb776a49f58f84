/** What the commit of tasks is called: which tasks they are, and whom they ask. Pure. */
import { listNames } from '../../protocol/subject.ts';
import { ONLY_KEY } from '../../protocol/run-paths.ts';
import type { Composed } from './fold.ts';
import type { TransitionName } from './run-input.ts';
import type { TaskKind, TaskText } from './task-file.ts';

/** The facts of a task before it is written. */
interface TaskPlace extends Pick<TaskText, 'step' | 'key' | 'phase'> {
  /** ` round 2 pass 3`, or empty. */
  readonly pass: string;
}

/** The name that tasks of one commit share. */
export function taskName({ step, key, phase, pass }: TaskPlace, kind: TaskKind): string {
  const what = kind === 'first' || [ONLY_KEY, ''].includes(key) ? step : `${step} ${key}`;
  if (kind === 'retry' || kind === 'fallback') return `${kind} ${what}`;
  if (kind === 'reask') return `re-ask ${what}`;
  if (phase === 'compile') return 'compile';
  return phase === 'synthesize' ? `synthesize ${step}` : `fanout ${what}${pass}`;
}

/** What the commit of these tasks is called. */
export function callTasks(
  place: TaskPlace,
  kind: TaskKind,
  tasks: readonly Composed[],
): TransitionName {
  const name = taskName(place, kind);
  const isFanout = place.phase === 'fanout' && (kind === 'first' || kind === 'again');
  const count = tasks.length === 1 ? '1 task' : `${String(tasks.length)} tasks`;
  return {
    name: isFanout ? `${name} (${count})` : name,
    words: wordsFor(place, kind, tasks),
  };
}

function wordsFor(place: TaskPlace, kind: TaskKind, tasks: readonly Composed[]): string {
  const open = tasks.filter(({ isOpen }) => isOpen);
  const where = `(${place.step}${place.pass === '' ? '' : `,${place.pass}`})`;
  const named = (of: readonly Composed[]): string =>
    listNames(of.flatMap(({ asked }) => asked ?? []));
  if (open.length === 0) return `answers without asking: ${named(tasks)} ${where}`;
  const known = tasks.length - open.length;
  const rest = known === 0 ? '' : `, ${String(known)} answered already`;
  if (!open.some(({ isAgent }) => isAgent)) return `start workflow ${named(open)} ${where}${rest}`;
  return `ask ${named(open)}${HOW[kind]}${kind === 'first' ? FOR[place.phase] : ''} ${where}${rest}`;
}

const HOW: Readonly<Record<TaskKind, string>> = {
  first: '',
  retry: ' again',
  fallback: ' instead',
  reask: ' to correct its answer',
  again: ' again',
};

const FOR: Readonly<Record<TaskText['phase'], string>> = {
  fanout: '',
  synthesize: ' to sum up',
  compile: ' for a plan',
};
