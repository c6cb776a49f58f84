/**
 * Which replies are ignored where hosts must sign: no host that is known has signed them,
 * and no person who may answer in its place. PROTOCOL.md "Signatures".
 */
import type { Oid } from '../base/ids.ts';
import type { ForgedReply, OpenIndex } from '../protocol/open-work.ts';
import { CHANNELS, foldersAsFiles, parseMessagePath } from '../protocol/paths.ts';
import type { ChangeBatch } from '../protocol/fold-changes.ts';
import { hear, isHost, peopleWho, requires, type Trust, type Voice } from '../protocol/trust.ts';
import type { ClosersJudge, FindForged } from '../transport/mirror.ts';
import { readRepliesBeside } from '../transport/read-reopened.ts';
import type { Repository, TreeChange, TreeEntry } from '../transport/repository.ts';
import { describe } from './check-signatures.ts';
import { countsAsHosts } from './check-hosts.ts';
import { withPeople } from './signed-file.ts';

/** Commits whose replies a host judges that reads the branch for the first time. */
const FIRST_COMMITS = 500;

const NONE: OpenIndex['forged'] = new Map();

type Seen = Parameters<FindForged>[0];

/** Judges what closes messages as it comes; what counted once is not judged again. */
export function createClosersJudge(
  repository: Repository,
  trustNow: () => Promise<Trust>,
): ClosersJudge {
  return {
    findForged: createForgedFinder(repository, trustNow),
    dropForged: async (index, batch) => {
      const trust = await trustNow();
      return requires(trust, 'hosts') && index.tip !== null
        ? dropForged(repository, trust, { index, batch })
        : batch;
    },
  };
}

/**
 * Who asks again for what somebody known has signed must be known as well; an answer in the
 * form of older programs counts as a reply does.
 */
async function dropForged(
  repository: Repository,
  trust: Trust,
  { index, batch }: { readonly index: OpenIndex; readonly batch: ChangeBatch },
): Promise<ChangeBatch> {
  const again = batch.retried.filter(({ by, path }) => index.retried.get(by) !== path);
  const older = batch.older.filter(({ by }) => !index.older.has(by));
  const paths = [...again.flatMap(({ by, path }) => [by, path]), ...older.map(({ by }) => by)];
  if (paths.length === 0) return batch;
  const writers = await repository.findWriters([...new Set(paths)], batch.tip);
  const voiceOf = (path: string): Voice => hear(writers.get(path)?.signed ?? null, trust.signers);
  const isKnown = (path: string): boolean => voiceOf(path).kind === 'known';
  const mayAnswer = (voice: Voice): boolean =>
    isHost(voice) || peopleWho(voice, 'approve', trust).length > 0;
  const dropped = new Set<unknown>([
    ...again.filter(({ by, path }) => isKnown(path) && !isKnown(by)),
    ...older.filter(({ by }) => !mayAnswer(voiceOf(by))),
  ]);
  return {
    ...batch,
    retried: batch.retried.filter((one) => !dropped.has(one)),
    older: batch.older.filter((one) => !dropped.has(one)),
  };
}

function createForgedFinder(repository: Repository, trustNow: () => Promise<Trust>): FindForged {
  const judgedBy = new WeakMap<OpenIndex['forged'], Trust>();
  return async (seen) => {
    const { index, tip } = seen;
    const trust = await trustNow();
    const isSameTrust = judgedBy.get(index.forged) === trust;
    if (!requires(trust, 'hosts')) return index.forged.size === 0 ? index.forged : NONE;
    if (index.tip === tip && isSameTrust) return index.forged;
    const fresh = index.tip === tip ? [] : await listFresh(repository, seen);
    const paths = [...new Set([...index.forged.keys(), ...fresh])];
    const entries = paths.length === 0 ? [] : await repository.lookUp(tip, paths);
    const known: ForgedReply[] = [];
    const asked: (ForgedReply & Pick<TreeEntry, 'kind'>)[] = [];
    for (const [at, path] of paths.entries()) {
      const entry = entries[at];
      if (entry == null) continue;
      const before = isSameTrust ? index.forged.get(path) : undefined;
      if (before?.oid === entry.oid) known.push(before);
      else asked.push({ path, oid: entry.oid, kind: entry.kind, found: { kind: 'nobody' } });
    }
    const forged = asked.length === 0 ? [] : await listForged(repository, { tip, trust }, asked);
    const found = new Map([...known, ...forged].map((reply) => [reply.path, reply]));
    const now = isSame(found, index.forged) ? index.forged : found;
    judgedBy.set(now, trust);
    return now;
  };
}

/** Replies of models that were written since, or whose messages were, and that stand beside one. */
async function listFresh(repository: Repository, seen: Seen): Promise<readonly string[]> {
  const { index, tip, models } = seen;
  const from = index.tip ?? (await firstJudged(repository, tip));
  const known = new Set([...models, 'workflow']);
  const paths = new Set<string>();
  const note = (path: string): void => {
    if (known.has(parseMessagePath(path)?.replyTo?.recipient ?? '')) paths.add(path);
  };
  for await (const changes of repository.walk({ from, to: tip, under: CHANNELS })) {
    const written = changes.filter(isWritten).map(({ path }) => path);
    for (const path of written) [path, ...foldersAsFiles(path)].forEach(note);
    const beside = from === null ? [] : await readRepliesBeside(repository, { to: tip }, written);
    for (const { path } of beside) note(path);
  }
  const originals = [...paths].map((path) => parseMessagePath(path)?.replyTo?.path ?? path);
  const standing = originals.length === 0 ? [] : await repository.lookUp(tip, originals);
  return [...paths].filter((_, at) => standing[at]?.kind === 'file');
}

async function firstJudged(repository: Repository, tip: Oid): Promise<Oid | null> {
  const commits = await repository.history({ from: null, to: tip, max: FIRST_COMMITS });
  return commits.length < FIRST_COMMITS ? null : (commits[0]?.oid ?? null);
}

function isWritten({ kind }: TreeChange): boolean {
  return kind === 'written';
}

async function listForged(
  repository: Repository,
  { tip, trust: pinned }: { readonly tip: Oid; readonly trust: Trust },
  asked: readonly (ForgedReply & Pick<TreeEntry, 'kind'>)[],
): Promise<readonly ForgedReply[]> {
  const trust = await withPeople({ repository, tip }, pinned);
  const writers = await repository.findWriters(
    asked.map(({ path }) => path),
    tip,
  );
  return asked.flatMap(({ path, oid, kind }) => {
    const signed = kind === 'file' ? (writers.get(path)?.signed ?? null) : null;
    const voice = hear(signed, trust.signers);
    const counts = countsAsHosts({ key: '', path, blob: oid, host: null }, voice, trust);
    return counts ? [] : [{ path, oid, found: describe(voice) }];
  });
}

function isSame(now: OpenIndex['forged'], before: OpenIndex['forged']): boolean {
  if (now.size !== before.size) return false;
  return [...now].every(([path, reply]) => before.get(path)?.oid === reply.oid);
}
