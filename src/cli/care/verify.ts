/**
 * `crosstalkd verify`: the promises of the protocol, checked over the whole history of the branch.
 */
import { ERROR_CODES } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import {
  type CheckedCommit,
  createChecker,
  INVARIANTS,
  type Violation,
} from '../../protocol/invariants.ts';
import { CHANNELS } from '../../protocol/paths.ts';
import type { Repository } from '../../transport/repository.ts';
import { createRunChecker } from '../../workflow/run/run-invariants.ts';
import { refusedFolders } from '../../transport/mirror.ts';
import { walkHistory, type WalkedCommit } from '../../transport/walk-history.ts';
import { given, type Invocation } from '../command.ts';
import { plain } from '../io.ts';
import { type Surroundings, withSurroundings } from '../look/look-around.ts';
import { printJson, tipOf, wantsJson } from '../look/reading.ts';
import { verifySignatures } from './verify-signatures.ts';
import { unreachable } from '../session/remote-errors.ts';
import { gitOf } from '../session/transport-session.ts';

/** Commits whose files are read together. */
const CHUNK = 256;
/** Most violations listed: more are nothing new. */
const VIOLATIONS_MAX = 50;

interface Verified {
  readonly commits: number;
  readonly violations: readonly Violation[];
}

/** Checks everything. Exit 1 at a violation. */
export function verify(invocation: Invocation): Promise<number> {
  if (given(invocation, 'signatures')) return verifySignatures(invocation);
  return withSurroundings(invocation, async (around) => {
    if (around.outage !== null) throw unreachable(around.session.located.url, around.outage);
    const verified = await verifyHistory(around);
    print(invocation, verified);
    return verified.violations.length === 0 ? 0 : ERROR_CODES.REFUSED.exit;
  });
}

async function verifyHistory({ session, rewrite }: Surroundings): Promise<Verified> {
  const violations: Violation[] = [];
  if (rewrite?.descends === false)
    violations.push({
      invariant: 'I6',
      commit: rewrite.was,
      path: null,
      says: `was the tip at this host's last poll, and is not below the branch now (${rewrite.now ?? 'which is gone'})`,
    });
  const git = gitOf(session);
  const [check, checkRuns] = [createChecker(), createRunChecker()];
  let commits = 0;
  let waiting: WalkedCommit[] = [];
  const flush = async (): Promise<void> => {
    for (const commit of await readCommits(session.repository, waiting))
      violations.push(...check(commit), ...checkRuns(commit));
    waiting = [];
  };
  try {
    for await (const commit of walkHistory(
      git,
      rewrite?.now ?? tipOf(session),
      refusedFolders(session.mirror.index()),
    )) {
      commits += 1;
      waiting.push(commit);
      if (waiting.length >= CHUNK) await flush();
      if (violations.length >= VIOLATIONS_MAX) break;
    }
    await flush();
  } finally {
    await git.close();
  }
  return { commits, violations };
}

async function readCommits(
  repository: Repository,
  commits: readonly WalkedCommit[],
): Promise<readonly CheckedCommit[]> {
  const wanted = commits.flatMap(({ changes }) =>
    changes.flatMap(({ path, blob, isFile }) =>
      blob !== null && isFile && isRead(path) ? [blob] : [],
    ),
  );
  const unique: readonly Oid[] = [...new Set(wanted)];
  const blobs = unique.length === 0 ? [] : await repository.readBlobs(unique, MESSAGE_BYTES_MAX);
  const byOid = new Map(unique.map((oid, index) => [oid, blobs[index]]));
  return commits.map(({ oid, parents, committer, changes }) => ({
    oid,
    parents: parents.length,
    committerEmail: committer.email,
    changes: changes.map(({ status, path, blob }) => {
      const read = blob === null ? undefined : byOid.get(blob);
      return { status, path, bytes: read?.kind === 'bytes' ? read.bytes : null };
    }),
  }));
}

function isRead(path: string): boolean {
  return (
    path.startsWith(`${CHANNELS}/`) &&
    /(\.md|\/RUN\.json|\/ADMIT\.json|\/(PLAN|plan\/\d+)\.yaml)$/.test(path)
  );
}

function print(invocation: Invocation, { commits, violations }: Verified): void {
  const { io } = invocation;
  if (wantsJson(invocation)) {
    printJson(invocation, {
      ok: violations.length === 0,
      health: violations.length === 0 ? 'good' : 'degraded',
      commits,
      violations,
    });
    return;
  }
  const [first] = violations;
  if (first === undefined) {
    io.print(`All promises hold over ${commits} commits.`);
    return;
  }
  io.print(`${first.invariant} is violated: ${INVARIANTS[first.invariant]}`);
  io.print(plain(`  commit  ${first.commit}`));
  if (first.path !== null) io.print(plain(`  path    ${first.path}`));
  io.print(plain(`  found   ${first.says}`));
  for (const { invariant, commit, path, says } of violations.slice(1))
    io.print(plain(`also ${invariant}: ${commit.slice(0, 12)} ${path ?? ''}: ${says}`));
  io.print(`  crosstalkd doctor   (or look: git show ${first.commit})`);
}
