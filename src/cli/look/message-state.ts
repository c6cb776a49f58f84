/** How a message stands: who has answered, who has failed, who is still awaited. */
import { systemClock } from '../../base/clock.ts';
import { byCodeUnit } from '../../base/order.ts';
import { expandAddresses } from '../../protocol/address.ts';
import { isTask } from '../../protocol/list-work.ts';
import { claimKey, identityOf, parseGatePath, replyPath, runFiles } from '../../protocol/paths.ts';
import { tipOf } from './reading.ts';
import { lookUpFiles, readSaid, type Said } from './read-conversation.ts';
import type { TransportSession } from '../session/transport-session.ts';

/**
 * `cancelled`: closed by a person before it was answered. `by hand`: a person wrote the file at the
 * reply's path. `note`: it asks nobody who could answer. `stale`: open, and too old to be run. Of a
 * reply alone: `unsigned`: it is ignored, because nobody has signed it who may; `edited`:
 * somebody has changed it since it was written.
 */
export type StateKind =
  | 'answered'
  | 'failed'
  | 'cancelled'
  | 'by hand'
  | 'open'
  | 'running'
  | 'stale'
  | 'note'
  | 'reply'
  | 'unsigned'
  | 'edited';

export interface MessageState {
  readonly kind: StateKind;
  readonly replies: readonly Answer[];
  /** Names that are still awaited. */
  readonly open: readonly string[];
}

/** A reply and its own state. */
export interface Answer extends Said {
  readonly state: StateKind;
}

/** Commits in which an edit of a reply is looked for. */
const EDITS_MAX = 500;

/** The state of each message, in the order given. A reply's own state is whether it failed. */
export async function readStates(
  session: TransportSession,
  messages: readonly Said[],
): Promise<readonly MessageState[]> {
  const expected = messages.map((said) =>
    said.file.replyTo === null ? expectedReplies(session, said) : [],
  );
  const paths = expected.flat();
  const files = (await lookUpFiles(session, paths)).filter((file) => file !== null);
  const { said, unreadable } = await readSaid(session, files);
  const shown = [...said, ...messages.filter(({ file }) => file.replyTo !== null)];
  const edited = await findEdited(session, shown);
  const { forged } = session.mirror.index();
  const stateOf = (reply: Said): StateKind =>
    forged.has(reply.file.path)
      ? 'unsigned'
      : edited.has(reply.file.path)
        ? 'edited'
        : classifyReply(reply);
  const byPath = new Map(said.map((one) => [one.file.path, { ...one, state: stateOf(one) }]));
  const broken = new Set(unreadable.map(({ file }) => file.path));
  const gates = await readGates(session, messages);
  return messages.map((message, at) => {
    if (message.file.replyTo !== null) return { kind: stateOf(message), replies: [], open: [] };
    const replies = (expected[at] ?? []).flatMap((path) => byPath.get(path) ?? []);
    const isBroken = (expected[at] ?? []).some((path) => broken.has(path));
    const state = classifyMessage(session, message, { replies, isBroken });
    return state.kind === 'note' ? classifyNote(message, gates) : state;
  });
}

/** Nobody is claimed for it, but people may be asked: at a gate, or by an agent. */
function classifyNote(
  { file, message: { fields } }: Said,
  gates: ReadonlyMap<string, StateKind>,
): MessageState {
  const isAsked = fields.asks !== null && (fields.asksUntilMs ?? Infinity) > systemClock.wallMs();
  const kind = gates.get(file.path) ?? (isAsked ? 'open' : 'note');
  return { kind, replies: [], open: kind === 'open' ? fields.to.map(({ name }) => name) : [] };
}

/** How the gates among the messages stand, by the path of the question. */
async function readGates(
  session: TransportSession,
  messages: readonly Said[],
): Promise<ReadonlyMap<string, StateKind>> {
  const asked = messages.flatMap(({ file: { path } }) => {
    const gate = parseGatePath(path);
    return gate === null ? [] : [{ path, ...gate }];
  });
  if (asked.length === 0) return new Map();
  const paths = asked.flatMap(({ path, decision, run }) => [
    path,
    decision,
    runFiles(run).complete,
  ]);
  const found = await session.repository.lookUp(tipOf(session), paths);
  return new Map(
    asked.map(({ path }, at) => {
      const [question, decision, end] = found.slice(3 * at);
      const isOver = question === null || decision !== null;
      return [path, isOver ? 'answered' : end === null ? 'open' : 'cancelled'];
    }),
  );
}

/**
 * The names that a message still waits for. A person who has been seen since is no longer a name
 * that nobody knows.
 */
export function openNames(session: TransportSession, path: string): readonly string[] {
  const { messages, models, people } = session.mirror.index();
  const names = (messages.get(path)?.recipients ?? []).map(({ name }) => name);
  return names.filter((name) => models.includes(name) || !people.has(name));
}

/**
 * True when the reply was written by a person and not by a dispatcher. What a run answers names no
 * host.
 */
export function isByHand(reply: Said): boolean {
  const { host, attempt, model } = reply.message.fields;
  return host === null && attempt === null && model !== 'workflow';
}

/** A person has closed it; nothing has failed. */
function isCancelled({ message: { fields } }: Said): boolean {
  return fields.failed && fields.error === 'cancelled';
}

function classifyReply(said: Said): StateKind {
  if (isCancelled(said)) return 'cancelled';
  if (said.message.fields.failed) return 'failed';
  return isByHand(said) ? 'by hand' : 'reply';
}

/**
 * Replies that somebody has changed, where that was lately. A dispatcher never writes over a file.
 */
async function findEdited(
  { repository, mirror }: TransportSession,
  replies: readonly Said[],
): Promise<ReadonlySet<string>> {
  const { tip } = mirror.index();
  const asked = new Map(
    replies.filter((one) => !isByHand(one)).map(({ file }) => [file.path, file]),
  );
  const paths = [...asked.keys()];
  if (tip === null || paths.length === 0) return new Set();
  const commits = await repository.history({ from: null, to: tip, max: EDITS_MAX });
  const from = commits.length < EDITS_MAX ? null : (commits[0]?.oid ?? null);
  const before = from === null ? [] : await repository.lookUp(from, paths);
  const fresh = paths.filter((_, at) => before[at] == null);
  const adding =
    fresh.length === 0 ? null : await repository.findAddingCommits(fresh, { from, to: tip });
  const edited = new Set<string>();
  for (const [at, path] of paths.entries()) {
    const commit = adding?.get(path)?.oid;
    const [then] = commit === undefined ? [before[at]] : await repository.lookUp(commit, [path]);
    if (then != null && then.oid !== asked.get(path)?.blob) edited.add(path);
  }
  return edited;
}

function classifyMessage(
  session: TransportSession,
  said: Said,
  { replies, isBroken }: { readonly replies: readonly Answer[]; readonly isBroken: boolean },
): MessageState {
  const open = openNames(session, said.file.path);
  if (open.length > 0) {
    const isStale =
      systemClock.wallMs() - said.atMs > session.config.maxAgeMs &&
      !isTask({ from: said.from, path: said.file.path });
    const kind = open.some((name) => isClaimed(session, said, name))
      ? 'running'
      : isStale
        ? 'stale'
        : 'open';
    return { kind, replies, open };
  }
  if (replies.length > 0 && replies.every(isCancelled)) return { kind: 'cancelled', replies, open };
  if (replies.some((reply) => reply.message.fields.failed && !isCancelled(reply)))
    return { kind: 'failed', replies, open };
  if (replies.length === 0) return { kind: isBroken ? 'by hand' : 'note', replies, open };
  return { kind: replies.every(isByHand) ? 'by hand' : 'answered', replies, open };
}

/** Somebody works on it now, as the remote showed it when the session was opened. */
function isClaimed(session: TransportSession, { file }: Said, recipient: string): boolean {
  const key = claimKey({ channel: file.channel, identity: identityOf(file), recipient });
  return session.listing.refs.has(session.refs.claims + key);
}

function expectedReplies(session: TransportSession, { file, message }: Said): readonly string[] {
  const { models, forged } = session.mirror.index();
  const names = expandAddresses(message.fields.to, models).map(({ name }) => name);
  const paths = [...new Set(names)].sort(byCodeUnit).map((name) => replyPath(file.path, name));
  return paths.filter((path) => !forged.has(path));
}
