/** The answers of people to a gate, and when they are a decision. */
import { by } from '../../base/order.ts';
import { replyPath } from '../../protocol/paths.ts';
import { ask as askFold, readFile } from './fold-memo.ts';
import type { Json } from '../language/json.ts';
import type { Ask } from '../language/plan.ts';
import type { RunMessages } from './run-messages.ts';
import type { Speaker } from '../../protocol/who-said.ts';
import { findFitting } from '../language/schema.ts';
import { askPath } from '../../protocol/run-paths.ts';
import type { Fold } from './fold.ts';
import { answerLine, MARKS, yesOrNo } from '../../protocol/yes-or-no.ts';

/** One person's answer; `problem` says why it does not count. */
export interface Vote {
  readonly path: string;
  readonly from: string;
  /** One for each person, whatever names they write. */
  readonly voice: string;
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

/** Every answer to the gate in `folder`, in order of time. */
export function votesOn(
  fold: Fold,
  { folder, ask }: { readonly folder: string; readonly ask: Ask },
): readonly Vote[] {
  const path = askPath(folder);
  const messages = messagesOf(fold)
    .others.filter(
      (each) => each.message.fields.re.includes(path) || each.path === replyPath(path, each.from),
    )
    .map((each): Said => {
      const { decision } = each.keys;
      const words = typeof decision === 'string' ? decision : each.message.body;
      return {
        path: each.path,
        from: each.from,
        speaker: each.speaker,
        atMs: each.atMs,
        says: ask.form === 'input' && decision === 'deny' ? 'deny' : wordOf(ask, words),
        text: each.message.body.trim(),
        hops: each.message.fields.hops,
      };
    });
  const marks = MARKS.flatMap(([name, mark]) => markOf(fold, ask, { path: folder + name, mark }));
  return [...marks, ...messages]
    .sort((a, b) => a.atMs - b.atMs)
    .map((each): Vote => {
      const known = each.speaker?.names.find((name) => ask.approvers.includes(name));
      const said = known === undefined ? each : { ...each, from: known };
      const { speaker, ...vote } = said;
      return { ...vote, voice: speaker?.voice ?? said.from, problem: problemOf(fold, ask, said) };
    });
}

interface Said extends Omit<Vote, 'problem' | 'voice'> {
  readonly speaker: Speaker | null;
}

/** A bare file beside the question; its words are the answer where more than a yes is wanted. */
function markOf(
  fold: Fold,
  ask: Ask,
  { path, mark }: { readonly path: string; readonly mark: 'approve' | 'deny' },
): readonly Said[] {
  const text = readFile(fold, path);
  // With a head it is a message.
  if (text === undefined || text.startsWith('---')) return [];
  const speaker = askFold(fold, ({ input }) => input.lookUp.whoSaid(path));
  const isMark = ask.form === 'approve' || (ask.form === 'input' && mark === 'deny');
  const says = isMark ? mark : wordOf(ask, text.trim() === '' ? mark : text);
  const from = speaker?.name ?? 'unknown';
  return [{ path, from, speaker, atMs: speaker?.atMs ?? 0, says, text: text.trim(), hops: 0 }];
}

/** Of each person the last answer that counts, and all that do not. */
export function lastOfEach(votes: readonly Vote[]): readonly Vote[] {
  const last = new Map<string, Vote>();
  for (const vote of votes) if (vote.problem === null) last.set(vote.voice, vote);
  return votes.filter((vote) => vote.problem !== null || last.get(vote.voice) === vote);
}

/** True when the answers that a decision names stand, count, and say so. */
export function isBacked(ask: Ask, votes: readonly Vote[], decision: Decision): boolean {
  const named = votes.filter(
    (vote) =>
      decision.answers.includes(vote.path) &&
      vote.problem === null &&
      vote.says === decision.decision,
  );
  const voices = new Set(named.map(({ voice }) => voice));
  const isVeto = ask.form !== 'choose' && decision.decision === 'deny';
  return voices.size >= (isVeto ? 1 : ask.quorum);
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

/** What an answer says in the words of the gate; null = nothing that it takes. */
function wordOf(ask: Ask, body: string): string | null {
  if (ask.form === 'input') return 'answer';
  if (ask.form === 'choose') return choiceIn(ask.choices, body);
  return yesOrNo(body);
}

/** The choice that a text is or begins with, and no other: "both, please" is "both". */
export function choiceIn(choices: readonly string[], text: string): string | null {
  const [whole, line] = [folded(text), folded(answerLine(text))];
  const begins = choices
    .filter((choice) => {
      const [word, marked] = [folded(choice), folded(answerLine(choice))];
      const rest = line.startsWith(marked) && marked !== '' ? line.slice(marked.length) : null;
      return whole === word || (rest !== null && !/^[\p{L}\p{N}_-]/u.test(rest));
    })
    .sort((a, b) => b.length - a.length);
  return begins.find((choice) => folded(choice) === whole) ?? begins[0] ?? null;
}

/** In one case, form and kind of apostrophe: keyboards differ in them. */
function folded(text: string): string {
  return text.normalize('NFC').toLowerCase().replaceAll('\u2019', "'").trim();
}

function problemOf(fold: Fold, ask: Ask, vote: Said): string | null {
  // A model that only some host knows shows in what it sends: that carries the hops of what it
  // works on.
  if (fold.input.lookUp.models.includes(vote.from) || vote.from === 'workflow' || vote.hops > 0)
    return `${vote.from} is not a person`;
  if (vote.speaker === null)
    return 'its author is unknown: it is not committed yet, was edited since, or comes from a host';
  if (ask.approvers.length > 0 && !ask.approvers.includes(vote.from))
    return `${vote.from} is not among ${ask.approvers.join(', ')}`;
  if (vote.says === null)
    return ask.form === 'choose'
      ? `says none of ${ask.choices.join(', ')}`
      : 'says neither "approve" nor "deny"';
  if (ask.form !== 'input' || vote.says === 'deny') return null;
  if (vote.text === '') return 'says nothing';
  if (ask.schema === null) return null;
  const { errors } = findFitting(ask.schema, vote.text);
  return errors.length === 0 ? null : errors.join('; ');
}
