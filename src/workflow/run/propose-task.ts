/** Proposes the next task of a chain, with its reply where that is known already. */
import { taskPath } from '../../protocol/run-paths.ts';
import { sampleOf } from '../language/schema.ts';
import type { Fold, Outcome } from './fold.ts';
import { type ChainSpec, outcomeAt, type Position, runCap } from './chain.ts';
import { ask } from './fold-memo.ts';
import { callTasks, taskName } from './call-tasks.ts';
import { contentKey, dryReply, reusedReply, taskFile, type TaskText } from './task-file.ts';
import { listErrors, NONCE_PLACEHOLDER, reaskRequest, schemaRequest } from './prompt-text.ts';
import type { NewFile } from './run-input.ts';
import { readAnswer } from './answer.ts';

/** Proposes it, or waits until its retry is due. */
export function proposeNext(fold: Fold, spec: ChainSpec, at: Position): Outcome {
  const running = outcomeAt(at, 'running');
  if (at.notBeforeMs > 0 && !ask(fold, ({ input }) => input.nowMs >= at.notBeforeMs))
    return { ...running, status: 'waiting', awaits: { kind: 'retry' } };
  const path = taskPath(spec.folder, at.n);
  fold.proposals.push({
    kind: 'task',
    name: taskName(spec, at.kind),
    call: (tasks) => callTasks(spec, at.kind, tasks),
    priority: spec.priority,
    paths: [path],
    caps: [...spec.caps, runCap(fold, path)],
    compose: (now) => {
      const task = composeTask(now, spec, at);
      const ready = readyReply(now, spec, task);
      const { uses } = task.extra;
      const asked = typeof uses === 'string' ? uses : task.to;
      return ready === null
        ? { files: [taskFile(task)], isAgent: task.to !== 'workflow', isOpen: true, asked }
        : { files: [taskFile(task), ready], isAgent: false, isOpen: false, asked };
    },
  });
  return running;
}

function composeTask(fold: Fold, spec: ChainSpec, at: Position): TaskText {
  const { unusable } = at;
  const full = (nonce: string): string =>
    `${spec.prompt(nonce)}${schemaRequest(spec.expectation.schema)}${
      unusable === null ? '' : reaskRequest(unusable.body, unusable.errors, nonce)
    }`;
  const extra = spec.extra();
  const keep = spec.session === 'last' && at.session !== null;
  return {
    path: taskPath(spec.folder, at.n),
    to: spec.models[at.model] ?? 'unknown',
    atMs: at.atMs,
    phase: spec.phase,
    kind: at.kind,
    hops: fold.header.hops + 1,
    run: fold.header.run,
    step: spec.step,
    key: spec.key,
    contentKey: contentKey({
      prompt: full(NONCE_PLACEHOLDER),
      models: spec.models,
      schema: spec.expectation.schema,
      base: typeof extra['base'] === 'string' ? extra['base'] : null,
      turn: spec.turn,
    }),
    extra: {
      ...extra,
      fallback: spec.models.length > at.model + 1 ? spec.models.slice(at.model + 1) : undefined,
      ...(keep ? { session: at.session.id, dispatch_host: at.session.host ?? undefined } : {}),
    },
    body: full(fold.nonce),
    why: unusable === null ? undefined : listErrors(unusable.errors),
  };
}

/** A reply that is there already: of a dry run, or an equal task's. */
function readyReply(fold: Fold, spec: ChainSpec, task: TaskText): NewFile | null {
  // The plan itself must come from a model, or there would be nothing to rehearse.
  if (fold.plan.dryRun && spec.phase !== 'compile') {
    const echo =
      spec.expectation.schema === null
        ? `dry run: ${task.to} would be asked\n\n${task.body}`
        : JSON.stringify(sampleOf(spec.expectation.schema));
    return dryReply(task, echo);
  }
  const relative = task.path.slice(fold.root.length);
  const found =
    fold.reuse.answer({ contentKey: task.contentKey, relative, step: spec.step }) ??
    (spec.cache === 'false' ? null : inRun(fold, task.contentKey)) ??
    (spec.cache === 'global' ? fold.input.lookUp.cached(task.contentKey) : null);
  if (found === null) return null;
  return reusedReply(task, found.path, readAnswer(found.text));
}

function inRun(fold: Fold, key: string): { readonly path: string; readonly text: string } | null {
  const same = fold.tasks.find((task) => task.contentKey === key && task.state === 'succeeded');
  const text = same === undefined ? undefined : fold.input.files.get(same.reply);
  return same === undefined || text === undefined ? null : { path: same.reply, text };
}
