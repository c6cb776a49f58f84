/**
 * The branches of a remote that nobody here has a clone of yet, and which of them is a transport.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERSION_FILE } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { openPersonGit } from './person-git.ts';
import { MAILBOX_BRANCH } from './project.ts';

export interface RemoteHeads {
  /** The one that `git clone` would check out; null when there is none, also when it dangles. */
  readonly head: string | null;
  readonly branches: readonly string[];
}

/** Branches that are looked into for a version file. */
const LOOKED_AT = 40;

/** Asks the remote. Throws what git says when it does not answer. */
export async function readHeads(url: string, env: Invocation['env']): Promise<RemoteHeads> {
  const git = openPersonGit(tmpdir(), env);
  const said = await git.raw(['ls-remote', '--symref', '--', url, 'HEAD', 'refs/heads/*']);
  const branches = [...said.matchAll(/\trefs\/heads\/(\S+)$/gm)].map(([, name]) => name ?? '');
  const named = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(said)?.[1];
  return { head: named !== undefined && branches.includes(named) ? named : null, branches };
}

/**
 * Those of the branches whose tip has a version file. Looked at are the one of mailboxes, the
 * remote's own, then the others; claims and beats of a remote without custom refs are none.
 */
export async function findTransports(
  url: string,
  { head, branches }: RemoteHeads,
  env: Invocation['env'],
): Promise<readonly string[]> {
  const first = [MAILBOX_BRANCH, ...(head === null ? [] : [head])].filter((name) =>
    branches.includes(name),
  );
  const others = branches.filter(
    (name) => !first.includes(name) && !name.startsWith(`${MAILBOX_BRANCH}/`),
  );
  const asked = [...first, ...others].slice(0, LOOKED_AT);
  if (asked.length === 0) return [];
  const scratch = await mkdtemp(join(tmpdir(), 'crosstalk-look-'));
  try {
    const git = openPersonGit(scratch, env);
    await git.raw(['init', '--quiet', '--bare']);
    const refs = asked.map((name) => `+refs/heads/${name}:refs/heads/${name}`);
    await git.raw(['fetch', '--quiet', '--depth=1', '--filter=blob:none', '--', url, ...refs]);
    const listed = await Promise.all(
      asked.map((name) => git.raw(['ls-tree', `refs/heads/${name}`, VERSION_FILE])),
    );
    return asked.filter((_, at) => listed[at]?.trim() !== '');
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
