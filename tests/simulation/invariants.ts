/**
 * What must be true of a transport whatever happened: predicates over the first-parent history of
 * its branch, the moves of its refs, and the log of the programs that were started. FAULTS §3. The
 * first group needs nothing but the history.
 */
import type { Oid } from '../../src/base/ids.ts';
import { type Claim, parseClaim } from '../../src/protocol/claim.ts';
import type { Message } from '../../src/protocol/message.ts';
import { readTrailers } from '../../src/protocol/trailers.ts';
import { isFiringOf } from '../../src/workflow/run/schedule.ts';
import { readMessage } from '../../src/workflow/run/message-memo.ts';
import {
  claimKey,
  identityOf,
  parseMessagePath,
  parseStartedPath,
  replyPath,
} from '../../src/protocol/paths.ts';
import type { CommitInfo } from '../../src/transport/repository.ts';
import { blobIdOf, type MemoryRemote, type RefMove } from '../support/memory-repository.ts';
import { isTask, MODELS } from './people.ts';
import { BRANCH, REFS, type Run, type World } from './world.ts';

/** One commit of the branch with what it changed. */
export interface HistoryStep {
  readonly commit: CommitInfo;
  readonly added: ReadonlyMap<string, string>;
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Everything that stands after it. */
  readonly files: ReadonlyMap<string, string>;
}

/** The first-parent history below `tip`, oldest first. */
export function historyOf(remote: MemoryRemote, tip: Oid | null): readonly HistoryStep[] {
  const commits: CommitInfo[] = [];
  for (let at = tip; at !== null;) {
    const commit: CommitInfo | null = remote.commitInfo(at);
    if (commit === null) break;
    commits.push(commit);
    at = commit.parents[0] ?? null;
  }
  let before: ReadonlyMap<string, string> = new Map();
  return commits.reverse().map((commit) => {
    const files = remote.filesOf(commit.oid);
    const added = new Map([...files].filter(([path]) => !before.has(path)));
    const changed = [...files].flatMap(([path, text]) =>
      before.has(path) && before.get(path) !== text ? [path] : [],
    );
    const removed = [...before.keys()].filter((path) => !files.has(path));
    before = files;
    return { commit, added, changed, removed, files };
  });
}

/** I1–I5: what a history alone can show. */
export function checkHistory(history: readonly HistoryStep[]): readonly string[] {
  const problems: string[] = [];
  const messages = new Map<string, Message>();
  const started = new Map<string, string>();
  for (const { commit, added, changed, removed, files } of history) {
    const byDispatcher = commit.author.email.endsWith('.crosstalk');
    const name = commit.oid.slice(0, 8);
    const byEngine = commit.author.email === 'workflow@crosstalk';
    if (
      (byDispatcher || byEngine) &&
      (commit.parents.length !== 1 || changed.length + removed.length > 0)
    )
      problems.push(
        `I1/I5 ${name} has ${commit.parents.length} parents, changes ${changed.join()} and removes ${removed.join()}`,
      );
    for (const [path, text] of added) {
      const read = readMessage(text);
      if (read.kind === 'message' && !byDispatcher) messages.set(path, read.message);
      if (byDispatcher && parseStartedPath(path) !== null)
        problems.push(...checkMark({ name, path, started, answered: files }));
      else if (byDispatcher)
        problems.push(
          ...checkReply({
            name,
            path,
            message: read.kind === 'message' ? read.message : null,
            messages,
          }),
        );
      if (read.kind === 'message') messages.set(path, read.message);
    }
    for (const path of changed) {
      const read = readMessage(
        history.find(({ commit: { oid } }) => oid === commit.oid)?.files.get(path) ?? '',
      );
      if (read.kind === 'message') messages.set(path, read.message);
    }
  }
  return problems;
}

const LATE_MS = 60_000;
const MISSED_MS = 5 * 60_000;

/**
 * I13: each time of a schedule is fired once, whatever became of its marker, and times of one
 * schedule in their order; where runs may not overlap, none while another is open; where what was
 * missed is skipped, none much later than it was due. `late`: fired more than a minute after it.
 */
export function checkFirings(
  history: readonly HistoryStep[],
  schedules: ReadonlyMap<string, { readonly overlap: boolean; readonly skips: boolean }>,
): { readonly problems: readonly string[]; readonly fired: number; readonly late: number } {
  const problems: string[] = [];
  const last = new Map<string, number>();
  const counts = { fired: 0, late: 0 };
  for (const { commit, added, files } of history)
    for (const slot of readTrailers(commit.message, 'Slot')) {
      const [name = '', time = ''] = slot.split(' ');
      const dueMs = Date.parse(time);
      const lateMs = commit.authoredMs - dueMs;
      counts.fired += 1;
      counts.late += lateMs > LATE_MS ? 1 : 0;
      if (dueMs <= (last.get(name) ?? 0)) problems.push(`I13 ${slot} is fired again or too late`);
      last.set(name, Math.max(dueMs, last.get(name) ?? 0));
      if (![...added.keys()].some((path) => isFiringOf(path, name)))
        problems.push(`I13 ${slot} is fired without a marker`);
      const { overlap, skips } = schedules.get(name) ?? { overlap: true, skips: false };
      const open = [...files.keys()].filter(
        (path) => isFiringOf(path, name) && !files.has(replyPath(path, 'workflow')),
      );
      if (!overlap && open.length > 1) problems.push(`I13 ${open.join()} are open at once`);
      if (skips && lateMs > MISSED_MS) problems.push(`I13 ${slot} is fired ${lateMs} ms late`);
    }
  return { problems, ...counts };
}

interface MarkFile {
  readonly name: string;
  readonly path: string;
  /** Path of the mark by the key of its work, of those that stood before. */
  readonly started: Map<string, string>;
  readonly answered: ReadonlyMap<string, string>;
}

/** I12: what acts outside is marked once, before it is answered. */
function checkMark({ name, path, started, answered }: MarkFile): readonly string[] {
  const mark = parseStartedPath(path);
  if (mark === null) return [];
  const before = started.get(mark.key);
  started.set(mark.key, path);
  return [
    ...(before === undefined ? [] : [`I12 ${name}: ${path}, but ${before} marks the same work`]),
    ...(answered.has(replyPath(mark.message, mark.recipient))
      ? [`I12 ${name}: ${path} is marked when it is answered`]
      : []),
  ];
}

interface ReplyFile {
  readonly name: string;
  readonly path: string;
  readonly message: Message | null;
  readonly messages: ReadonlyMap<string, Message>;
}

function checkReply({ name, path, message, messages }: ReplyFile): readonly string[] {
  const replyTo = parseMessagePath(path)?.replyTo ?? null;
  if (replyTo === null || message === null)
    return [`I3 ${name} adds ${path}, which is not a reply`];
  const asked = messages.get(replyTo.path) ?? messages.get(message.fields.re[0] ?? '');
  if (asked === undefined) return [`I3 ${name}: ${path} answers what never was`];
  const addressed = asked.fields.to.some(
    (to) =>
      (to.name === replyTo.recipient || to.name === 'all') &&
      (to.host === null || to.host === message.fields.host || message.fields.failed),
  );
  return addressed
    ? []
    : [
        `I4 ${name}: ${path} is by ${replyTo.recipient}@${message.fields.host ?? '?'}, who was not asked`,
      ];
}

/**
 * I2 across moves: one reply of a model to one message, wherever its file stands. A person's own
 * answer counts as one.
 */
export function checkSingleReplies(
  history: readonly Pick<HistoryStep, 'added' | 'commit'>[],
  runs: readonly Run[],
): readonly string[] {
  const byRun = new Map(runs.map((run) => [run.id, run]));
  const answered = new Map<string, string>();
  const problems: string[] = [];
  for (const { added, commit } of history)
    for (const [path, text] of added) {
      const said = /answer (r\d+) to ([\w./-]+)/.exec(text);
      const replyTo = parseMessagePath(path)?.replyTo;
      if (said === null || replyTo == null || !commit.author.email.endsWith('.crosstalk')) continue;
      const run = byRun.get(said[1] ?? '');
      if (run?.marker !== said[2] || run?.recipient !== replyTo.recipient)
        problems.push(`I8 ${path} is not what ${said[0]} was started for`);
      const key = `${said[2]} ${replyTo.recipient}`;
      const first = answered.get(key);
      // A retry or a copy is another message that quotes nothing: markers are one to one with what
      // people wrote.
      if (first !== undefined && first !== path)
        problems.push(`I2 ${key} is answered by ${first} and ${path}`);
      answered.set(key, path);
    }
  return problems;
}

/** I6: everything that was ever the tip is an ancestor of what came after. */
export function checkNothingLost(remote: MemoryRemote, tips: readonly Oid[]): readonly string[] {
  const tip = remote.refs.get(BRANCH);
  const kept = new Set<string>();
  const open: Oid[] = tip === undefined ? [] : [tip];
  for (let oid = open.pop(); oid !== undefined; oid = open.pop()) {
    if (kept.has(oid)) continue;
    kept.add(oid);
    open.push(...(remote.commitInfo(oid)?.parents ?? []));
  }
  return tips.filter((oid) => !kept.has(oid)).map((oid) => `I6 ${oid.slice(0, 8)} was pushed over`);
}

/**
 * Every reply took its own claim along: the same push deleted the claim of that message, recipient,
 * host and attempt.
 */
export function checkFences(remote: MemoryRemote): readonly string[] {
  const pushes = new Map<number, RefMove[]>();
  for (const move of remote.moves) pushes.set(move.push, [...(pushes.get(move.push) ?? []), move]);
  return [...pushes.values()].flatMap((moves) => {
    const branch = moves.find(({ ref }) => ref === BRANCH);
    if (branch === undefined) return [];
    const claims = new Map(
      moves.flatMap(({ ref, expected, next }) => {
        const claim =
          next === null && expected !== null
            ? parseClaim(remote.commitInfo(expected)?.message ?? '')
            : null;
        return claim === null ? [] : [[ref, claim] as const];
      }),
    );
    // What the workflow engine adds (tasks, closed and routed replies) is nobody's answer and needs
    // no claim.
    // Nor does the conclusion that work was started and nobody knows more: its mark, or the host's
    // own journal, forbids another start whatever becomes of claims.
    const byHosts = repliesOf(remote, branch).filter(
      ({ message: { fields } }) => fields.host !== null && fields.error !== 'host-lost',
    );
    return byHosts.flatMap((reply) =>
      hasFence(reply, claims) ? [] : [`unfenced: ${reply.path} by push ${branch.push}`],
    );
  });
}

interface PushedReply {
  readonly path: string;
  readonly message: Message;
  /** Of the message that it answers, as it stands beside it. */
  readonly askedBlob: Oid | null;
}

function repliesOf(remote: MemoryRemote, { expected, next }: RefMove): readonly PushedReply[] {
  const before = expected === null ? new Map<string, string>() : remote.filesOf(expected);
  const files = next === null ? new Map<string, string>() : remote.filesOf(next);
  return [...files].flatMap(([path, text]) => {
    const read = before.has(path) ? null : readMessage(text);
    if (read?.kind !== 'message') return [];
    const asked = files.get(read.message.fields.re[0] ?? '');
    return [
      { path, message: read.message, askedBlob: asked === undefined ? null : blobIdOf(asked) },
    ];
  });
}

function hasFence(
  { path, message, askedBlob }: PushedReply,
  claims: ReadonlyMap<string, Claim>,
): boolean {
  const recipient = parseMessagePath(path)?.replyTo?.recipient;
  return [...claims].some(
    ([ref, claim]) =>
      claim.recipient === recipient &&
      claim.alias === message.fields.host &&
      claim.attempt === message.fields.attempt &&
      // Of a message that was moved, the bytes are what its claim names.
      (claim.message === message.fields.re[0] ||
        claim.blob === askedBlob ||
        ref.endsWith(keyAt(claim.message, claim.recipient))),
  );
}

function keyAt(path: string, recipient: string): string {
  const parsed = parseMessagePath(path);
  return parsed === null
    ? '?'
    : claimKey({ channel: parsed.channel, identity: identityOf(parsed), recipient });
}

/** I8: a program with effects outside is started at most once for one message and recipient. */
export function checkRuns(runs: readonly Run[]): readonly string[] {
  const external = new Map<string, Run>();
  return runs
    .filter(({ effects }) => effects === 'external')
    .flatMap((run) => {
      const key = `${run.marker} ${run.recipient}`;
      const first = external.get(key);
      external.set(key, run);
      return first === undefined
        ? []
        : [
            `I8 ${run.model} was started for ${key} by ${first.id} on ${first.host} and ${run.id} on ${run.host}`,
          ];
    });
}

/** I12: when a program with effects outside was started, the branch said so. */
export function checkMarked(world: World, run: Run): readonly string[] {
  if (run.effects !== 'external') return [];
  const tip = world.remote.refs.get(BRANCH);
  const marks = [...(tip === undefined ? [] : world.remote.filesOf(tip))].filter(
    ([path]) => parseStartedPath(path) !== null,
  );
  const [nonce = ''] = run.attemptId.split('-');
  return marks.some(([, text]) => text.includes(`"nonce":"${nonce}"`))
    ? []
    : [`I12 ${run.id} on ${run.host} was started and the branch has no mark of it`];
}

/** While clocks are sane and nobody sleeps, no two hosts work on one thing at a time. */
export function checkOverlap(runs: readonly Run[], nowMs: number): readonly string[] {
  const sane = runs.filter(({ orphaned }) => !orphaned);
  return sane.flatMap((run, index) =>
    sane.slice(index + 1).flatMap((other) => {
      const same =
        run.marker === other.marker &&
        run.recipient === other.recipient &&
        run.attemptId !== other.attemptId;
      if (!same || other.startedMs >= (run.endedMs ?? nowMs)) return [];
      return [
        `overlap: ${run.id} on ${run.host} and ${other.id} on ${other.host} both run ${run.marker} ${run.recipient}`,
      ];
    }),
  );
}

/** No host runs more programs at a time than it has slots. */
export function checkSlots(
  runs: readonly Run[],
  slots: ReadonlyMap<string, number>,
): readonly string[] {
  return runs.flatMap((run) => {
    const busy = runs.filter(
      (other) =>
        other.host === run.host &&
        !other.orphaned &&
        other.startedMs <= run.startedMs &&
        (other.endedMs ?? Infinity) > run.startedMs,
    );
    const most = slots.get(run.host) ?? 0;
    return busy.length <= most || run.orphaned
      ? []
      : [`slots: ${run.host} runs ${busy.map(({ id }) => id).join()} and has ${most} slots`];
  });
}

/** Claims that stand although nothing is going on. */
export function checkClaimsGone(world: World): readonly string[] {
  return [...world.remote.refs]
    .filter(([ref]) => ref.startsWith(REFS.claims))
    .map(([ref, oid]) => `left over: ${ref} ${world.remote.commitInfo(oid)?.message ?? ''}`);
}

/**
 * Work that a message asks for and that is not answered: what a reader of the tree alone would say.
 */
export interface Unanswered {
  readonly path: string;
  readonly recipient: string;
  readonly hosts: readonly string[];
  readonly eligible: boolean;
}

/** Every (message, recipient) of a tree that lacks its reply. */
export function listUnanswered(
  files: ReadonlyMap<string, string>,
  served: (name: string, host: string | null) => boolean,
): readonly Unanswered[] {
  const retried = new Set<string>();
  const identities = new Set<string>();
  const found: Unanswered[] = [];
  for (const [path, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const parsed = parseMessagePath(path);
    const read = parsed === null ? null : readMessage(text);
    if (parsed === null || read?.kind !== 'message') continue;
    const { fields } = read.message;
    if (fields.retries !== null) retried.add(fields.retries);
    if (parsed.replyTo !== null) continue;
    const identity = `${parsed.channel} ${identityOf(parsed)}`;
    const twin = identities.has(identity);
    identities.add(identity);
    for (const { name, host } of fields.to.flatMap((to) =>
      to.name === 'all' ? MODELS.map((model) => ({ name: model, host: to.host })) : [to],
    )) {
      if (files.has(`${path.slice(0, -3)}.re.${name}.md`) || name === fields.from) continue;
      // What is said to a run is read by it; only a marker has to be answered.
      if (name === 'workflow' && (fields.type !== 'workflow' || isTask(path))) continue;
      found.push({
        path,
        recipient: name,
        hosts: host === null ? [] : [host],
        eligible: !twin && fields.hops < 4 && served(name, host),
      });
    }
  }
  return found.map((work) => (retried.has(work.path) ? { ...work, eligible: false } : work));
}
