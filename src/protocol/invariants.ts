/**
 * The promises I1 to I5, I12 and I13 of the protocol as a fold over the history, commit by commit,
 * parents before children. The committer separates what a dispatcher did from what people did:
 * people may change what they like. PROTOCOL.md "What is promised". I7 is in
 * workflow/run/run-invariants.ts.
 */
import { decodeMessage } from './message.ts';
import { expandAddresses } from './address.ts';
import {
  archivedChannel,
  claimKey,
  identityOf,
  type MessagePath,
  parseMessagePath,
  parseStartedPath,
} from './paths.ts';

export const INVARIANTS = {
  I1: "a dispatcher's commit has one parent and only adds files",
  I2: 'there is at most one reply to a message by a recipient',
  I3: "a reply's re: names a message that exists or existed",
  I4: "a reply's model is one that the message addresses, on a host that it allows",
  I5: 'what others wrote stays as it is',
  I6: "every person's commit stays in the history",
  I7: 'a workflow run has one plan, each task once, plan before tasks before synthesis before its reply, and keeps its caps',
  I12: 'the start of an agent that acts outside is marked once for a message and a recipient, before its reply',
  I13: 'each time of a schedule is fired once, and the times of one schedule in their order',
} as const;
export type Invariant = keyof typeof INVARIANTS;

/** The first thing that is not as promised. */
export interface Violation {
  readonly invariant: Invariant;
  readonly commit: string;
  readonly path: string | null;
  readonly says: string;
}

/**
 * One changed file of a commit. `bytes` are needed for messages, replies and the files of runs;
 * null for what was removed or is too large.
 */
export interface CheckedChange {
  readonly status: string;
  readonly path: string;
  readonly bytes: Uint8Array | null;
}

/** A commit as the check needs it. */
export interface CheckedCommit {
  readonly oid: string;
  readonly parents: number;
  readonly committerEmail: string;
  readonly changes: readonly CheckedChange[];
}

/** True for a commit that a dispatcher made. */
export function isDispatcher(email: string): boolean {
  return /^dispatcher@[^@\s]+\.crosstalk$/.test(email);
}

/**
 * Names that a message asks, over all its versions: what was claimed is one of them. `null` hosts =
 * anywhere; `*` = everybody.
 */
interface Asked {
  readonly identity: string;
  readonly hosts: Map<string, Set<string> | null>;
}

/** A checker that takes one commit after the other and gives what is wrong with it. */
export function createChecker(): (commit: CheckedCommit) => readonly Violation[] {
  const asked = new Map<string, Asked>();
  const standing = new Map<string, string>();
  const started = new Map<string, string>();
  const fired = new Map<string, string>();
  return (commit) => {
    const violations: Violation[] = [];
    const say = (invariant: Invariant, path: string | null, says: string): void => {
      violations.push({ invariant, commit: commit.oid, path, says });
    };
    const byDispatcher = isDispatcher(commit.committerEmail);
    // What goes to the archive is answered for good: a second answer after it is brought back, or
    // copied back, is one too many.
    const archived = new Set(
      commit.changes.flatMap(({ status, path }) =>
        status === 'A' ? (archivedChannel(path) ?? []) : [],
      ),
    );
    if (byDispatcher && commit.parents !== 1)
      say('I1', null, `a dispatcher's commit with ${commit.parents} parents`);
    for (const change of commit.changes) {
      const file = parseMessagePath(change.path);
      if (byDispatcher) checkAddition(change, fired, say);
      checkStart({ change, byDispatcher, standing, started, say });
      if (file === null || change.status === 'M') {
        if (file !== null && change.bytes !== null) noteMessage(asked, file, change.bytes);
        continue;
      }
      const key = file.replyTo === null ? null : keyOf(asked, file);
      if (change.status === 'D') {
        if (key !== null && !archived.has(file.channel) && standing.get(key) === change.path)
          standing.delete(key);
        continue;
      }
      if (change.bytes !== null) noteMessage(asked, file, change.bytes);
      if (key === null || !byDispatcher) {
        if (key !== null) standing.set(key, change.path);
        continue;
      }
      const before = standing.get(key);
      if (before !== undefined)
        say('I2', change.path, `${before} is a reply to the same message by the same recipient`);
      standing.set(key, change.path);
      if (change.bytes !== null) checkReply({ file, bytes: change.bytes, asked, say });
    }
    return violations;
  };
}

type Say = (invariant: Invariant, path: string | null, says: string) => void;

function checkAddition(change: CheckedChange, fired: Map<string, string>, say: Say): void {
  if (change.status === 'A') checkFiring(change.path, fired, say);
  else
    say(
      change.status === 'M' ? 'I5' : 'I1',
      change.path,
      `a dispatcher ${change.status === 'D' ? 'removed' : 'changed'} a file`,
    );
}

interface CheckedStart {
  readonly change: CheckedChange;
  readonly byDispatcher: boolean;
  readonly standing: ReadonlyMap<string, string>;
  /** Path of the mark by the key of what was started. */
  readonly started: Map<string, string>;
  readonly say: Say;
}

function checkStart({ change, byDispatcher, standing, started, say }: CheckedStart): void {
  const { status, path } = change;
  const key = parseStartedPath(path)?.key;
  if (key === undefined || status === 'M') return;
  if (status === 'D') {
    if (started.get(key) === path) started.delete(key);
    return;
  }
  const before = started.get(key) ?? standing.get(key);
  if (byDispatcher && before !== undefined)
    say('I12', path, `it was started or answered before: ${before}`);
  started.set(key, path);
}

/** `fired`: the path of the last firing of each schedule. */
function checkFiring(path: string, fired: Map<string, string>, say: Say): void {
  const [, time = '', name] =
    /\/(\d{4}\/\d\d\/\d\d\/\d{9})Z-schedule-([^/]+)\.md$/.exec(path) ?? [];
  if (name === undefined || parseMessagePath(path)?.replyTo !== null) return;
  const before = fired.get(name) ?? '';
  if (time <= before)
    say('I13', path, `${name} was fired for ${before === time ? 'this time' : before} before`);
  else fired.set(name, time);
}

interface CheckedReply {
  readonly file: MessagePath;
  readonly bytes: Uint8Array;
  readonly asked: ReadonlyMap<string, Asked>;
  readonly say: Say;
}

function checkReply({ file, bytes, asked, say }: CheckedReply): void {
  const read = decodeMessage(bytes, file.path);
  if (read.kind === 'rejected') {
    say(
      'I3',
      file.path,
      `a dispatcher's reply that is not a message: line ${read.rejection.line}: ${read.rejection.found}`,
    );
    return;
  }
  const { fields } = read.message;
  const original = fields.re[0] ?? '';
  const question = asked.get(original) ?? asked.get(file.replyTo?.path ?? '');
  if (question === undefined) {
    say('I3', file.path, `answers ${original === '' ? 'nothing' : original}, which never existed`);
    return;
  }
  const recipient = file.replyTo?.recipient ?? '';
  const hosts = question.hosts.has(recipient)
    ? question.hosts.get(recipient)
    : question.hosts.get('*');
  if (hosts === undefined)
    say('I4', file.path, `${recipient} answered, but the message does not address it`);
  else if (hosts !== null && fields.host !== null && !hosts.has(fields.host))
    say(
      'I4',
      file.path,
      `${recipient} answered on ${fields.host}, but the message is for ${[...hosts].join(' or ')}`,
    );
}

/**
 * The identity of a reply's original: of the message that stands where the reply's path says, else
 * of the path itself.
 */
function keyOf(asked: ReadonlyMap<string, Asked>, file: MessagePath): string {
  const original = file.replyTo?.path ?? file.path;
  const parsed = parseMessagePath(original);
  const identity =
    asked.get(original)?.identity ?? (parsed === null ? original : identityOf(parsed));
  return claimKey({ channel: file.channel, identity, recipient: file.replyTo?.recipient ?? '' });
}

function noteMessage(asked: Map<string, Asked>, file: MessagePath, bytes: Uint8Array): void {
  const read = decodeMessage(bytes);
  if (read.kind === 'rejected') return;
  const known = asked.get(file.path) ?? {
    identity: identityOf(file),
    hosts: new Map<string, Set<string> | null>(),
  };
  for (const { name, hosts } of expandAddresses(read.message.fields.to, ['*'])) {
    const before = known.hosts.get(name);
    known.hosts.set(
      name,
      hosts === null || before === null ? null : new Set([...(before ?? []), ...hosts]),
    );
  }
  asked.set(file.path, known);
}
