/**
 * An agent asks a person for permission. The question lands together with a claim that names it and
 * is open as long as that claim stands, so a dead host leaves nothing to clean up. The person
 * answers by a reply.
 */
import type { PermissionAsked } from '../agents/agent.ts';
import { newUlid, type Oid } from '../base/ids.ts';
import { untilAborted } from '../base/until-aborted.ts';
import { formatClaim } from '../protocol/claim.ts';
import type { Permissions } from '../protocol/models.ts';
import { newMessagePath, replyPath } from '../protocol/paths.ts';
import { composeQuestion, readPermission } from '../protocol/question.ts';
import { readTextAt } from '../transport/read-text.ts';
import type { CommitDraft } from '../transport/repository.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import { currentPath } from './follow-moves.ts';
import { trustNow } from './in-force.ts';
import { enqueue } from './post.ts';
import { findSpeakers } from './find-speakers.ts';
import { advance, type Asking, isLive, type LiveClaim, liveClaims } from './own-claims.ts';

/** Questions of one claim; after that everything is denied. */
const QUESTIONS_MAX = 20;

/** What is asked, of whom, and for how long. */
export interface Ask {
  readonly asked: PermissionAsked;
  /** Directory that the agent runs in. */
  readonly directory: string;
  readonly permissions: Permissions;
  /** Aborted when the attempt is over. */
  readonly over: AbortSignal;
}

/** Asks, and waits for the answer. False: denied, not answered in time, or nobody can be asked. */
export async function askPerson(
  dispatcher: Dispatcher,
  held: LiveClaim,
  ask: Ask,
): Promise<boolean> {
  const { doors } = dispatcher;
  const { clock } = doors;
  const closed = new AbortController();
  const stop = AbortSignal.any([ask.over, held.abort.signal, closed.signal]);
  const timer = clock.sleep(ask.permissions.timeoutMs, stop).then(() => closed.abort());
  let allowed: { readonly says: 'approve' | 'deny'; readonly by: string } | null = null;
  const question = compose(dispatcher, held, ask);
  if (question !== null && (await post(dispatcher, held, { question, stop })) === 'landed') {
    doors.log.status('question.asked', {
      message: held.work.message.path,
      model: held.work.recipient,
      question: question.path,
      people: question.people.join(', '),
    });
    const asking: Asking = {
      path: question.path,
      text: question.text,
      people: question.people,
      isSlotFree: ask.permissions.hold === 'free',
      decide: (says, by) => {
        allowed ??= { says, by };
        closed.abort();
      },
    };
    advance(held, { kind: 'asking', asking });
    wake(dispatcher);
    await untilAborted(stop);
    if (isLive(held)) advance(held, { kind: 'asking', asking: null });
    tellDecision(dispatcher, held, { path: question.path, decided: allowed });
  }
  closed.abort();
  await timer;
  return (allowed as { says: string } | null)?.says === 'approve';
}

interface Composed {
  readonly path: string;
  readonly text: string;
  readonly people: readonly string[];
  readonly claim: LiveClaim['state']['claim'];
  readonly draft: CommitDraft;
}

/** Null when nobody can be asked, or the text is too long to be read. */
function compose(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { asked, directory, permissions }: Ask,
): Composed | null {
  const { doors, mirror } = dispatcher;
  const { work } = held;
  const { channel, from, hops } = work.message;
  const { models } = mirror.index();
  const people = (permissions.ask.length > 0 ? permissions.ask : [from]).filter(
    (name) => !models.includes(name) && name !== 'workflow',
  );
  const count = held.state.questions;
  const atMs = doors.clock.wallMs();
  const path = newMessagePath(channel, atMs, newUlid(doors.clock, doors.random));
  const claim = { ...held.state.claim, asks: path };
  const message = currentPath(dispatcher, work);
  const untilMs = atMs + permissions.timeoutMs;
  const draft =
    people.length === 0 || count >= QUESTIONS_MAX
      ? null
      : composeQuestion({
          ...{ asked, claim, path, message, channel, hops, people, directory, atMs, untilMs },
        });
  if (draft !== null) return { path, text: draft.writes[0].content, people, claim, draft };
  doors.log.warning('question.denied', {
    message: work.message.path,
    model: work.recipient,
    reason:
      people.length === 0
        ? `nobody to ask: ${permissions.ask.length > 0 ? 'its entry names no person' : 'its asker is not a person'}`
        : count >= QUESTIONS_MAX
          ? `it has asked ${QUESTIONS_MAX} questions`
          : 'what it asks is too long to be shown whole',
    next: 'denied without asking',
  });
  return null;
}

/** Commits the question under the claim that names it. */
async function post(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { question, stop }: { readonly question: Composed; readonly stop: AbortSignal },
): Promise<'landed' | 'not'> {
  const { doors } = dispatcher;
  const { claim, draft } = question;
  const oid = await doors.repository.writeRecord(formatClaim(claim));
  // The attempt may have ended meanwhile: then nothing is asked any more.
  if (!isLive(held)) return 'not';
  const before = held.state.oid;
  let became: 'landed' | 'not' = 'not';
  const posting = new Promise<void>((resolve) => {
    enqueue(dispatcher, {
      about: question.path,
      transaction: {
        name: `ask ${question.path}`,
        fences: [{ ref: held.ref, expected: before, next: oid }],
        decide: () => Promise.resolve(stop.aborted ? null : [draft]),
      },
      done: (outcome) => {
        if (outcome.kind === 'landed') became = 'landed';
        const renewed = outcome.kind === 'landed' ? { claim, oid } : {};
        advance(held, { kind: 'stands', nowMs: doors.clock.monotonicMs(), renewed });
        resolve();
        return Promise.resolve();
      },
    });
  });
  advance(held, { kind: 'posting', posting });
  await Promise.race([posting, untilAborted(stop)]);
  return became;
}

/**
 * Waits for what became of a question whose push may be on its way: what is published next rests on
 * the claim as it stands then.
 */
export async function settleQuestion({ state }: Dispatcher, held: LiveClaim): Promise<void> {
  const { posting } = held.state;
  if (posting !== null) await Promise.race([posting, untilAborted(state.loop.ending.signal)]);
}

function tellDecision(
  { doors }: Dispatcher,
  held: LiveClaim,
  told: {
    readonly path: string;
    readonly decided: { readonly says: string; readonly by: string } | null;
  },
): void {
  doors.log.status('question.closed', {
    message: held.work.message.path,
    model: held.work.recipient,
    question: told.path,
    how: told.decided?.says ?? 'not answered: denied',
    by: told.decided?.by ?? null,
  });
}

/** Hands the answers that the last look has brought to the agents that wait for them. */
export async function heedAnswers(dispatcher: Dispatcher): Promise<void> {
  const { state, mirror } = dispatcher;
  const { tip } = mirror.index();
  if (tip === null) return;
  for (const { asking } of liveClaims(state.claims.own).map((held) => held.state))
    if (asking !== null) {
      const answer = await readAnswer(dispatcher, { tip, ...asking });
      if (answer !== null) asking.decide(answer.says, answer.by);
    }
}

/**
 * The answer of a person who was asked; a no weighs more than a yes, and a yes to a question that
 * somebody had changed until then is a no.
 */
async function readAnswer(
  dispatcher: Dispatcher,
  asked: Pick<Asking, 'path' | 'text' | 'people'> & { readonly tip: Oid },
) {
  const { doors, mirror } = dispatcher;
  const { tip, path, people } = asked;
  const texts = new Map<string, string>();
  for (const name of people) {
    const file = replyPath(path, name);
    const text = await readTextAt(doors.repository, tip, file);
    if (text !== null) texts.set(file, text);
  }
  if (texts.size === 0) return null;
  const trust = (await trustNow(dispatcher)) ?? null;
  const hearing = { repository: doors.repository, tip, called: mirror.index().called, trust };
  const speakers = await findSpeakers(hearing, texts);
  const answers = people.flatMap((by) => {
    const file = replyPath(path, by);
    const says = readPermission(texts.get(file) ?? '');
    const isTheirs = speakers.get(file)?.names.includes(by) === true;
    return says === null || !isTheirs ? [] : [{ says, by }];
  });
  const answer = answers.find(({ says }) => says === 'deny') ?? answers[0] ?? null;
  if (answer === null || answer.says === 'deny') return answer;
  const file = replyPath(path, answer.by);
  const adding = await doors.repository.findAddingCommits([file], { from: null, to: tip });
  const { oid } = adding.get(file) ?? { oid: tip };
  if ((await readTextAt(doors.repository, oid, path)) === asked.text) return answer;
  doors.log.alert('question.edited', {
    question: path,
    by: answer.by,
    next: 'it was changed before the answer, so nobody knows what was allowed: denied',
  });
  return { ...answer, says: 'deny' as const };
}
