/**
 * Publishes what running agents have said and changed, so that a takeover can continue from it. A
 * capsule goes along with its host's beats, is read by the next attempt, and is removed when its
 * work is no longer open; that of failed work stays a day for those who ask again. Where pushes are
 * limited it causes none.
 */
import { MINUTE } from '../base/clock.ts';
import { byCodeUnit } from '../base/order.ts';
import { errorText } from '../base/errors.ts';
import { expandAddresses } from '../protocol/address.ts';
import { decodeMessage, type MessageFields } from '../protocol/message.ts';
import { claimKey, identityOf, parseMessagePath } from '../protocol/paths.ts';
import type { Oid } from '../base/ids.ts';
import {
  type Capsule,
  failedName,
  failedNow,
  formatCapsule,
  parseCapsule,
  parseFailedName,
  tailOf,
} from '../protocol/capsule.ts';
import { listSuperseded, openByKey } from '../protocol/list-work.ts';
import type { Said } from '../agents/agent.ts';
import { readTextAt } from '../transport/read-text.ts';
import type { PushOutcome, RefUpdate } from '../transport/repository.ts';
import { note, noteOf } from './capsule-notes.ts';
import type { Dispatcher } from './dispatcher.ts';
import { limitsNow } from './keep-pace.ts';
import { workOf } from './keep-work.ts';
import { type LiveClaim, liveClaims, type OwnClaim } from './own-claims.ts';
import { namesUnder } from './refs-under.ts';
import type { CapsuleNote } from './notes.ts';

/** Anybody who can push can write capsules of no work: so many are removed by one push. */
const REMOVED_MAX = 64;
/** A hook that refuses one ref may refuse the beat that it goes along with. */
const REFUSED_REST_MS = 10 * MINUTE;

/** Remembers where to ask what the agent that begins now says. */
export function noteSaid(
  dispatcher: Dispatcher,
  held: LiveClaim,
  said: Said & { readonly model: string },
): void {
  note(dispatcher, held, { said: { ...said, attempt: held.state.claim.attempt } });
}

/**
 * What goes along with a push that is not atomic: what ended attempts leave behind, and where it
 * has the beat, what the others have said since, and what nobody needs any more.
 */
export async function capsulesAlong(
  dispatcher: Dispatcher,
  { withBeat }: { readonly withBeat: boolean },
): Promise<readonly RefUpdate[]> {
  if (isResting(dispatcher)) return [];
  const left = takeLeft(dispatcher);
  if (!withBeat) return left;
  const live = await Promise.all(
    liveClaims(dispatcher.state.claims.own).map((held) => capsuleUpdate(dispatcher, held)),
  );
  const updates = [...left, ...live.flatMap((update) => update ?? []), ...removals(dispatcher)];
  // One push moves a ref once.
  return [...new Map(updates.map((update) => [update.ref, update])).values()];
}

/** Takes in what became of them. */
export function noteCapsules(
  { state, doors }: Dispatcher,
  pushed: readonly RefUpdate[],
  outcome: PushOutcome | null,
): void {
  if (outcome?.kind !== 'answered' || pushed.length === 0) return;
  for (const { ref } of pushed) {
    const result = outcome.refs.get(ref);
    if (result?.kind !== 'refused') continue;
    state.claims.capsulesRestMs = doors.clock.monotonicMs() + REFUSED_REST_MS;
    doors.log.warning('capsule.refused', {
      reason: result.line,
      next: 'a takeover would know less; retries in ten minutes',
    });
    break;
  }
}

/**
 * Keeps what an attempt that ends here has said for the push that gives its claim back, or that of
 * work that has `failed` for those who ask again, with the next beat.
 */
export async function leaveCapsule(
  dispatcher: Dispatcher,
  held: LiveClaim,
  how: 'given-back' | 'failed' = 'given-back',
): Promise<void> {
  const nowMs = dispatcher.doors.clock.wallMs();
  const name = how === 'failed' ? failedName(held.key, nowMs) : held.key;
  const left = await capsuleUpdate(dispatcher, held, name);
  if (left !== null) note(dispatcher, held, { left });
}

/**
 * True when this host wrote part of a capsule that nobody needs any more: it beats as if it held
 * a claim until that is gone. Where pushes are counted it waits for a push that is made anyway.
 */
export function hasLeftCapsule(dispatcher: Dispatcher): boolean {
  const { capsules } = dispatcher.state.claims;
  if (capsules.size === 0 || limitsNow(dispatcher) !== null || isResting(dispatcher)) return false;
  if ([...capsules.values()].some(({ left }) => left !== null)) return true;
  return staleCapsules(dispatcher).some((key) => capsules.has(key));
}

/**
 * What an earlier attempt had said at the same work, or at the message that it asks again; null:
 * nothing is known. Its model is told where that is not the one that begins now.
 */
export async function readCapsule(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { model, fields }: { readonly model: string; readonly fields: MessageFields | null },
): Promise<Capsule | null> {
  const keys = [held.key, ...(await keysBefore(dispatcher, held, fields?.retries ?? null))];
  const [own = null] = keys.flatMap((key) => saidHere(dispatcher, { key }) ?? []);
  const { prefix, standing } = capsulesOf(dispatcher);
  const ofFailed = [...standing.keys()].sort(byCodeUnit).reverse();
  const [name = held.key] = keys.flatMap((key) => [
    ...(standing.has(key) ? [key] : []),
    ...ofFailed.filter((one) => parseFailedName(one)?.key === key),
  ]);
  const oid = standing.get(name);
  const there = oid === undefined ? null : await readThere(dispatcher, prefix + name, oid);
  const latest = own !== null && own.attempt >= (there?.attempt ?? 0) ? own : there;
  if (latest === null && noteOf(dispatcher, held).continues === null) return null;
  const found = latest?.model === model ? { ...latest, model: undefined } : latest;
  const { alias = '', attempt = 0, model: by } = found ?? {};
  const continues = found === null ? null : { alias, attempt, model: by, hasChanges: false };
  note(dispatcher, held, { continues });
  return found;
}

/** The changes of the attempt before stand in the worktree of the one that begins. */
export function noteCarried(dispatcher: Dispatcher, held: LiveClaim): void {
  const { continues } = noteOf(dispatcher, held);
  if (continues !== null) note(dispatcher, held, { continues: { ...continues, hasChanges: true } });
}

/** For the reply: whose words its agent began with. */
export function continuedBy(
  dispatcher: Dispatcher,
  held: OwnClaim,
): { readonly continues?: NonNullable<CapsuleNote['continues']> } {
  const { continues } = noteOf(dispatcher, held);
  return continues === null ? {} : { continues };
}

/** What must be pushed for a claim of ours; null: all that it said stands there, or cannot be. */
async function capsuleUpdate(
  dispatcher: Dispatcher,
  held: LiveClaim,
  name: string = held.key,
): Promise<RefUpdate | null> {
  const { state, doors } = dispatcher;
  if (state.models.serving.models.get(held.work.recipient)?.capsules !== true) return null;
  await workOf(dispatcher, held);
  const said = saidHere(dispatcher, held);
  if (said === null) return null;
  const { prefix, standing } = capsulesOf(dispatcher);
  const { kept } = noteOf(dispatcher, held);
  const expected = standing.get(name) ?? null;
  const record = formatCapsule(said);
  if (kept?.record === record && kept.oid === expected) return null;
  const next = await doors.repository.writeRecord(record).catch((error: unknown) => {
    // On a full disk a beat and an answer must get through without it.
    doors.log.warning('capsule.unwritten', {
      reason: errorText(error),
      next: 'a takeover would know less; retries with the next beat',
    });
    return null;
  });
  if (next === null) return null;
  note(dispatcher, held, { kept: { record, oid: next } });
  return { ref: prefix + name, expected, next };
}

function saidHere(dispatcher: Dispatcher, held: Pick<OwnClaim, 'key'>): Capsule | null {
  const { said, work, continues } = noteOf(dispatcher, held);
  if (said === null) return null;
  const text = tailOf(said.soFar());
  const changed = work?.attempt === said.attempt ? work.last : null;
  if (text.trim() === '' && changed === null) return null;
  const { alias } = dispatcher.settings;
  return {
    ...{ alias, attempt: said.attempt, model: said.model, text },
    ...(changed === null ? {} : { work: changed }),
    ...(continues === null ? {} : { before: continues }),
  };
}

/** The keys of the work on the message that is asked again: the same model's, then the others'. */
async function keysBefore(
  { doors, mirror }: Dispatcher,
  { work: { recipient } }: LiveClaim,
  retries: string | null,
): Promise<readonly string[]> {
  const parsed = retries === null ? null : parseMessagePath(retries);
  const { tip, models } = mirror.index();
  if (retries === null || parsed === null || tip === null) return [];
  const text = await readTextAt(doors.repository, tip, retries);
  const read = text === null ? null : decodeMessage(Buffer.from(text), retries);
  const to = read?.kind === 'message' ? expandAddresses(read.message.fields.to, models) : [];
  const names = [recipient, ...to.map(({ name }) => name).filter((name) => name !== recipient)];
  const { channel } = parsed;
  return names.map((name) => claimKey({ channel, identity: identityOf(parsed), recipient: name }));
}

function takeLeft(dispatcher: Dispatcher): readonly RefUpdate[] {
  const updates: RefUpdate[] = [];
  for (const [key, { left }] of [...dispatcher.state.claims.capsules]) {
    if (left === null) continue;
    updates.push(left);
    note(dispatcher, { key }, { left: null });
  }
  return updates;
}

function removals(dispatcher: Dispatcher): readonly RefUpdate[] {
  const { prefix, standing } = capsulesOf(dispatcher);
  return staleCapsules(dispatcher)
    .slice(0, REMOVED_MAX)
    .map((key) => {
      dispatcher.state.claims.capsules.delete(key);
      return { ref: prefix + key, expected: standing.get(key) ?? null, next: null };
    });
}

function capsulesOf({ state, settings }: Dispatcher) {
  const prefix = settings.refs.capsules;
  return { prefix, standing: namesUnder(state.refs, prefix) };
}

/** Keys of capsules whose work is not open for any host to continue. */
function staleCapsules(dispatcher: Dispatcher): readonly string[] {
  const { standing } = capsulesOf(dispatcher);
  if (standing.size === 0) return [];
  const { state, settings, mirror } = dispatcher;
  const index = mirror.index();
  const open = openByKey(index);
  const awaited = new Set(
    [...index.retried].flatMap(([by, path]) => (index.messages.has(by) ? [path] : [])),
  );
  const superseded = new Set(
    listSuperseded(index).flatMap(({ key, message }) => (awaited.has(message.path) ? [key] : [])),
  );
  const claims = namesUnder(state.refs, settings.refs.claims);
  const failed = failedNow(standing.keys(), dispatcher.doors.clock.wallMs());
  // What was moved is still worked on under the key of its claim.
  return [...standing.keys()].filter(
    (key) =>
      !failed.has(key) &&
      !open.has(key) &&
      !superseded.has(key) &&
      !claims.has(key) &&
      !state.claims.own.has(key),
  );
}

function isResting({ state, doors }: Dispatcher): boolean {
  return doors.clock.monotonicMs() < state.claims.capsulesRestMs;
}

/** Nobody signs a capsule: where anything must be signed, its changes do not count. */
async function readThere(dispatcher: Dispatcher, ref: string, oid: Oid): Promise<Capsule | null> {
  const found = await readRecord(dispatcher, ref, oid);
  if (found?.work === undefined) return found;
  const trust = await dispatcher.doors.trust?.();
  return trust === undefined || trust.required.size === 0
    ? found
    : { ...found, work: { ...found.work, changes: null } };
}

async function readRecord({ doors }: Dispatcher, ref: string, oid: Oid): Promise<Capsule | null> {
  if (!(await doors.repository.hasObject(oid))) {
    const fetched = await doors.repository.fetch({ tip: null, records: new Map([[ref, oid]]) });
    if (fetched.kind === 'unreachable') return null;
  }
  const commit = await doors.repository.readCommit(oid);
  return commit === null ? null : parseCapsule(commit.message);
}
