/**
 * The files of one task: the message that asks an agent, and the replies that the engine itself may
 * write (taken over, dry, closed).
 */
import { createHash } from 'node:crypto';
import { formatIso } from '../../base/clock.ts';
import { parseAddress } from '../../protocol/address.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { replyPath } from '../../protocol/paths.ts';
import { canonicalJson, type Json } from '../language/json.ts';
import type { Answer } from './answer.ts';
import type { NewFile } from './run-input.ts';
import { ONLY_KEY } from '../../protocol/run-paths.ts';

/** Why a task was added to its chain. */
export const TASK_KINDS = ['first', 'retry', 'fallback', 'reask', 'again'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

export interface TaskText {
  readonly path: string;
  /** Address: `opus` or `opus@mbp`; `workflow` for a child run. */
  readonly to: string;
  readonly atMs: number;
  readonly phase: 'fanout' | 'synthesize' | 'compile';
  readonly kind: TaskKind;
  readonly hops: number;
  readonly run: string;
  readonly step: string;
  readonly key: string;
  readonly contentKey: string;
  /** Further front matter: limits, worktree, persona … */
  readonly extra: Readonly<Record<string, Json | undefined>>;
  readonly body: string;
  /** What was wrong with the answer before; absent: nothing. */
  readonly why?: string | undefined;
}

/** The file of a task. `wait: true`: its reply wakes nobody, the workflow reads it. */
export function taskFile(task: TaskText): NewFile {
  const fields = {
    to: task.to,
    from: 'workflow',
    type: 'message',
    timestamp: formatIso(task.atMs),
    subject: `${task.step}${[ONLY_KEY, ''].includes(task.key) ? '' : ` ${task.key}`}`,
    workflow_phase: task.phase,
    wait: true,
    hops: task.hops,
    run: task.run,
    step: task.step,
    key: task.key,
    kind: task.kind,
    content_key: task.contentKey,
    ...task.extra,
  };
  return { path: task.path, content: writeFrontMatter(fields, task.body), why: task.why };
}

/** The name that answers for an address. */
export function modelOf(address: string): string {
  return parseAddress(address)?.name ?? address;
}

/** `r2.3` → ` round 2 pass 3`. */
export function describeTurn(turn: string): string {
  const parts = turn.split('.').filter((part) => part !== '');
  const passes = parts.filter((part) => !part.startsWith('r'));
  return [
    ...parts.filter((part) => part.startsWith('r')).map((part) => ` round ${part.slice(1)}`),
    passes.length === 0 ? '' : ` pass ${passes.join('.')}`,
  ].join('');
}

/**
 * Equal keys = the same work: prompt without nonce, models, schema, base, and which of several
 * candidates it is.
 */
export function contentKey(parts: {
  readonly prompt: string;
  readonly models: readonly string[];
  readonly schema: Json | null;
  readonly base: string | null;
  readonly turn: string;
}): string {
  return createHash('sha256')
    .update(
      canonicalJson({
        prompt: parts.prompt,
        models: [...parts.models],
        schema: parts.schema,
        base: parts.base,
        turn: parts.turn,
      }),
    )
    .digest('hex');
}

/** The reply that takes over a finished answer; of an older program also one that failed. */
export function reusedReply(
  task: TaskText,
  path: string,
  { body, atMs, failure }: Pick<Answer, 'body' | 'atMs' | 'failure'>,
): NewFile {
  return engineReply(task, {
    atMs: Math.max(task.atMs, atMs ?? 0),
    fields: { ...(failure === null ? {} : { failed: true, error: 'failed' }), reused: path },
    body,
  });
}

/** The echo of a dry run. */
export function dryReply(task: TaskText, body: string): NewFile {
  return engineReply(task, { atMs: task.atMs, fields: { reused: 'dry-run' }, body });
}

/**
 * The reply that closes an open task, so that no host starts it and a late answer is not accepted.
 */
export function closedReply(
  path: string,
  model: string,
  why: { readonly atMs: number; readonly hops: number; readonly text: string },
): NewFile {
  const fields = {
    to: 'workflow',
    from: 'workflow',
    re: path,
    timestamp: formatIso(why.atMs),
    hops: why.hops + 1,
    failed: true,
    error: 'cancelled',
    model,
  };
  return { path: replyPath(path, model), content: writeFrontMatter(fields, why.text) };
}

function engineReply(
  task: TaskText,
  reply: {
    readonly atMs: number;
    readonly fields: Readonly<Record<string, Json>>;
    readonly body: string;
  },
): NewFile {
  const model = modelOf(task.to);
  const fields = {
    to: 'workflow',
    from: model,
    re: task.path,
    timestamp: formatIso(reply.atMs),
    hops: task.hops + 1,
    model,
    ...reply.fields,
  };
  return { path: replyPath(task.path, model), content: writeFrontMatter(fields, reply.body) };
}
