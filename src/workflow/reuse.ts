/** Finished results of the run that this one is forked from, by content key. */
import type { RunHeader } from './header.ts';
import { parseMessagePath, replyPath } from '../protocol/paths.ts';
import { readMessage } from './message-memo.ts';
import type { Plan } from './plan.ts';
import { allSteps } from './plan.ts';
import { descendantsOf } from './reach.ts';
import type { Reusable, RunInput } from './run-input.ts';

interface Wanted {
  readonly contentKey: string;
  readonly relative: string;
  readonly step: string;
}

/** Looks up a result that may be taken over. Steps from `fork.from` on run anew. */
export function createReuse(input: RunInput, header: RunHeader, plan: Plan): (task: Wanted) => Reusable | null {
  const { fork } = header;
  const files = fork === null ? null : input.lookUp.runFiles(fork.run, fork.at);
  if (fork === null || files === null) return () => null;
  const again = stepsAgain(plan, fork.from);
  const finished = finishedTasks(files, `data/channels/${fork.run}/`);
  return ({ contentKey, relative, step }) => {
    if (again.has(step)) return null;
    const same = finished.get(contentKey) ?? [];
    return same.find((each) => each.relative === relative) ?? same[0] ?? null;
  };
}

function stepsAgain(plan: Plan, from: string | null): ReadonlySet<string> {
  if (from === null) return new Set();
  const top = [...plan.steps, ...plan.final];
  const start = top.find((step) => allSteps([step]).some((each) => each.id === from))?.id ?? from;
  const ids = new Set([start, ...descendantsOf(start, top)]);
  return new Set(allSteps(top.filter((step) => ids.has(step.id))).map((step) => step.id));
}

interface Finished extends Reusable {
  readonly relative: string;
}

function finishedTasks(files: ReadonlyMap<string, string>, root: string): ReadonlyMap<string, readonly Finished[]> {
  const found = new Map<string, Finished[]>();
  for (const path of [...files.keys()].sort()) {
    if (!path.startsWith(`${root}steps/`) || parseMessagePath(path)?.replyTo !== null) continue;
    const task = readMessage(files.get(path) ?? '');
    if (task.kind === 'rejected') continue;
    const key = /^content_key: ["']?([0-9a-f]{64})["']?$/m.exec(task.message.yaml)?.[1];
    const [to] = task.message.fields.to;
    const reply = to === undefined ? '' : replyPath(path, to.name);
    const text = files.get(reply);
    if (key === undefined || text === undefined) continue;
    const answer = readMessage(text);
    if (answer.kind === 'message' && answer.message.fields.failed) continue;
    found.set(key, [...(found.get(key) ?? []), { path: reply, text, relative: path.slice(root.length) }]);
  }
  return found;
}
