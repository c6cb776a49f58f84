/** The answers of people to a gate, and when they are a decision. */
import { by } from '../../base/order.ts';
import { firstLine } from '../../protocol/reply.ts';
import { replyPath } from '../../protocol/paths.ts';
import type { Fold } from './fold-context.ts';
import { ask as askFold, readFile } from './fold-memo.ts';
import type { Json } from '../language/json.ts';
import type { Ask } from '../language/plan.ts';
import type { RunMessages } from './run-messages.ts';
import { findFitting } from '../language/schema.ts';

/** One person's answer; `problem` says why it does not count. */
export interface Vote {
  readonly path: string;
  readonly from: string;
  readonly atMs: number;
  readonly says: string | null;
  readonly text: string;
  /** How many agents stand between a person and this; 0 = a person wrote it. */
  readonly hops: number;
  readonly problem: string | null;
}

/** What counts, and which answers made it. */
export interface Decision {
  readonly decision: string;
  readonly by: readonly string[];
  readonly answers: readonly string[];
  readonly text: string;
  readonly json: Json;
  readonly atMs: number;
}

const YES = ['approve', 'approved', 'yes', 'ok', 'okay', 'lgtm', '+1'];
const NO = ['deny', 'denied', 'no', 'reject', 'rejected', '-1'];

/** Every answer to the gate in `folder`, in order of time; only the last of each person. */
export function votesOn(
  fold: Fold,
  { folder, ask }: { readonly folder: string; readonly ask: Ask },
): readonly Vote[] {
  const path = `${folder}ask.md`;
  const messages = messagesOf(fold)
    .others.filter(
      (each) => each.message.fields.re.includes(path) || each.path === replyPath(path, each.from),
    )
    .map((each): Omit<Vote, 'problem'> => {
      const { decision } = each.keys;
      const says = typeof decision === 'string' ? decision : firstWord(ask, each.message.body);
      return {
        path: each.path,
        from: each.from,
        atMs: each.atMs,
        says,
        text: each.message.body.trim(),
        hops: each.message.fields.hops,
      };
    });
  const marks = (['approve', 'deny'] as const).flatMap((says): Omit<Vote, 'problem'>[] => {
    const text = readFile(fold, `${folder}${says}`);
    if (text === undefined) return [];
    const from = askFold(fold, ({ input }) => input.lookUp.author(`${folder}${says}`)) ?? 'unknown';
    return [{ path: `${folder}${says}`, from, atMs: 0, says, text: text.trim(), hops: 0 }];
  });
  const votes = [...marks, ...messages].map((vote): Vote => ({
    ...vote,
    problem: problemOf(fold, ask, vote),
  }));
  const last = new Map<string, Vote>();
  for (const vote of votes) if (vote.problem === null) last.set(vote.from, vote);
  return votes.filter((vote) => vote.problem !== null || last.get(vote.from) === vote);
}

/** What people wrote, as something that a step may hang on. */
export function messagesOf(fold: Fold): RunMessages {
  return askFold(fold, ({ messages }) => messages);
}

/**
 * The decision that the votes make, or null while it is open. Answers are counted in order of time.
 */
export function decide(
  ask: Ask,
  votes: readonly Vote[],
  { json: schema }: { readonly json: Json },
): Decision | null {
  const counted = votes.filter((vote) => vote.problem === null);
  const of = (decision: string, given: readonly Vote[]): Decision => ({
    decision,
    by: given.map((vote) => vote.from),
    answers: given.map((vote) => vote.path),
    text: given
      .map((vote) => vote.text)
      .filter((text) => text !== '')
      .join('\n\n'),
    json: schema === null ? null : findFitting(schema, given[0]?.text ?? '').json,
    atMs: Math.max(0, ...given.map((vote) => vote.atMs)),
  });
  const denied = counted.find((vote) => vote.says === 'deny');
  if (ask.form !== 'choose' && denied !== undefined) return of('deny', [denied]);
  const options =
    ask.form === 'approve' ? ['approve'] : ask.form === 'choose' ? ask.choices : ['answer'];
  for (const option of [...options].sort(by((text) => text))) {
    const same = counted.filter((vote) => vote.says === option).slice(0, ask.quorum);
    if (same.length === ask.quorum) return of(option, same);
  }
  return null;
}

function firstWord(ask: Ask, body: string): string | null {
  const line = firstLine(body).trim();
  if (ask.form === 'input') return 'answer';
  if (ask.form === 'choose')
    return ask.choices.find((choice) => choice.toLowerCase() === line.toLowerCase()) ?? null;
  const word = (/^[+-]?[a-z0-9]+/i.exec(line)?.[0] ?? '').toLowerCase();
  return YES.includes(word) ? 'approve' : NO.includes(word) ? 'deny' : null;
}

function problemOf(fold: Fold, ask: Ask, vote: Omit<Vote, 'problem'>): string | null {
  // A model that only some host knows is told by what it sends: that carries the hops of what it
  // works on.
  if (fold.input.lookUp.models.includes(vote.from) || vote.from === 'workflow' || vote.hops > 0)
    return `${vote.from} is no person`;
  if (ask.approvers.length > 0 && !ask.approvers.includes(vote.from))
    return `${vote.from} is not among ${ask.approvers.join(', ')}`;
  if (vote.says === null)
    return ask.form === 'choose'
      ? `says none of ${ask.choices.join(', ')}`
      : 'says neither "approve" nor "deny"';
  if (ask.form !== 'input' || ask.schema === null) return null;
  const { errors } = findFitting(ask.schema, vote.text);
  return errors.length === 0 ? null : errors.join('; ');
}
