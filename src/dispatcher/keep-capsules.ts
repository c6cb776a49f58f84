/**
 * What running agents have said, on the remote, so that a takeover begins with it: pushed with the
 * beats of its host, read by the attempt after it, and removed once its work is no longer open.
 */
import type { Oid } from '../base/ids.ts';
import { type Capsule, formatCapsule, parseCapsule, tailOf } from '../protocol/capsule.ts';
import type { RefUpdate } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';
import { currentWork } from './follow-moves.ts';
import { type LiveClaim, liveClaims, type OwnClaim } from './own-claims.ts';
import { namesUnder } from './refs-under.ts';
import type { CapsuleNote } from './state.ts';

/** More pieces of work than these are not remembered here. */
const NOTES_MAX = 1_000;
const NOTHING: CapsuleNote = { said: null, kept: null, continues: null };

/** Remembers what an agent says, as far as a capsule holds it. */
export function noteSaid(dispatcher: Dispatcher, held: LiveClaim, text: string): void {
  const { attempt } = held.state.claim;
  const { said } = noteOf(dispatcher, held);
  const before = said?.attempt === attempt ? said.text : '';
  note(dispatcher, held, { said: { attempt, text: tailOf(before + text) } });
}

/** What goes with the next beat: what was said since, and what nobody needs any more. */
export async function capsuleUpdates(dispatcher: Dispatcher): Promise<readonly RefUpdate[]> {
  const { prefix, standing } = capsulesOf(dispatcher);
  const updates: RefUpdate[] = [];
  for (const held of liveClaims(dispatcher.state.claims.own)) {
    const update = await capsuleUpdate(dispatcher, held);
    if (update !== null) updates.push(update);
  }
  const stale = staleCapsules(dispatcher).map((key): RefUpdate => ({
    ref: prefix + key,
    expected: standing.get(key) ?? null,
    next: null,
  }));
  return [...updates, ...stale];
}

/** Pushes what an attempt that ends here has said, when no beat will. */
export async function leaveCapsule(dispatcher: Dispatcher, held: LiveClaim): Promise<void> {
  const update = await capsuleUpdate(dispatcher, held);
  if (update !== null) await dispatcher.doors.repository.push([update], { atomic: false });
}

/** True when this host had a hand in a capsule that nobody needs any more: it takes it away now. */
export function hasLeftCapsule(dispatcher: Dispatcher): boolean {
  const { capsules } = dispatcher.state.claims;
  return capsules.size > 0 && staleCapsules(dispatcher).some((key) => capsules.has(key));
}

/** What an earlier attempt at the same work had said; null: nothing is known. */
export async function readCapsule(
  dispatcher: Dispatcher,
  held: LiveClaim,
): Promise<Capsule | null> {
  const { said } = noteOf(dispatcher, held);
  const { prefix, standing } = capsulesOf(dispatcher);
  const oid = standing.get(held.key);
  const found =
    said !== null && said.attempt < held.state.claim.attempt
      ? { alias: dispatcher.settings.alias, ...said }
      : oid === undefined
        ? null
        : await readRecord(dispatcher, prefix + held.key, oid);
  const continues = found === null ? null : { alias: found.alias, attempt: found.attempt };
  if (found !== null || said !== null) note(dispatcher, held, { continues });
  return found;
}

/** For the reply: whose words its agent began with. */
export function continuedBy(
  dispatcher: Dispatcher,
  held: OwnClaim,
): { readonly continues?: NonNullable<CapsuleNote['continues']> } {
  const { continues } = noteOf(dispatcher, held);
  return continues === null ? {} : { continues };
}

/** What has to be pushed for a claim of ours; null: all that it said stands there. */
async function capsuleUpdate(dispatcher: Dispatcher, held: LiveClaim): Promise<RefUpdate | null> {
  const { state, doors, settings } = dispatcher;
  const { prefix, standing } = capsulesOf(dispatcher);
  const { said, kept } = noteOf(dispatcher, held);
  const before = standing.get(held.key) ?? null;
  const entry = state.models.serving.models.get(held.work.recipient);
  const isKept = kept !== null && said?.text === kept.text && before === kept.oid;
  if (said === null || isKept || entry?.capsules !== true) return null;
  const record = formatCapsule({ alias: settings.alias, ...said });
  const next = await doors.repository.writeRecord(record);
  note(dispatcher, held, { kept: { text: said.text, oid: next } });
  return { ref: prefix + held.key, expected: before, next };
}

function capsulesOf({ state, settings }: Dispatcher) {
  const prefix = settings.refs.capsules;
  return { prefix, standing: namesUnder(state.refs, prefix) };
}

/** Keys of capsules whose work is not open. */
function staleCapsules(dispatcher: Dispatcher): readonly string[] {
  const { standing } = capsulesOf(dispatcher);
  if (standing.size === 0) return [];
  const open = new Set(currentWork(dispatcher).map(({ key }) => key));
  const { own } = dispatcher.state.claims;
  return [...standing.keys()].filter((key) => !open.has(key) && !own.has(key));
}

async function readRecord({ doors }: Dispatcher, ref: string, oid: Oid): Promise<Capsule | null> {
  if (!(await doors.repository.hasObject(oid))) {
    const fetched = await doors.repository.fetch({ tip: null, records: new Map([[ref, oid]]) });
    if (fetched.kind === 'unreachable') return null;
  }
  const commit = await doors.repository.readCommit(oid);
  return commit === null ? null : parseCapsule(commit.message);
}

function noteOf({ state }: Dispatcher, { key }: Pick<OwnClaim, 'key'>): CapsuleNote {
  return state.claims.capsules.get(key) ?? NOTHING;
}

function note(
  dispatcher: Dispatcher,
  held: Pick<OwnClaim, 'key'>,
  more: Partial<CapsuleNote>,
): void {
  const { capsules } = dispatcher.state.claims;
  const now = { ...noteOf(dispatcher, held), ...more };
  capsules.delete(held.key);
  capsules.set(held.key, now);
  const [oldest] = capsules.keys();
  if (capsules.size > NOTES_MAX && oldest !== undefined) capsules.delete(oldest);
}
