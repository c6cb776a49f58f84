/**
 * Which branch of a remote is the conversation: its default one as a rule. Where that one is not
 * there, or holds something else, it is the branch that has a CROSSTALK-VERSION.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { VERSION_FILE } from '../../protocol/paths.ts';
import { createGit, type Git } from '../../transport/git-runner.ts';
import type { Environment } from '../../transport/git-environment.ts';
import type { RemoteAccess } from '../../transport/remote-url.ts';

/** Branches that are looked into at most. */
const BRANCHES_MAX = 32;
/** Looked into first, after the default one. */
const LIKELY = ['crosstalk', 'main', 'master'];

export interface RemoteBranches {
  readonly url: string;
  readonly access: RemoteAccess;
  readonly env: Environment;
  readonly allowHttp: boolean;
}

/** The short name of the branch; the default one, or `main`, when none is a conversation. */
export async function findBranch({ url, access, env, allowHttp }: RemoteBranches): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'crosstalk-branch-'));
  const git = createGit({
    env,
    gitDir: join(place, 'look.git'),
    clock: systemClock,
    access,
    allowHttp,
  });
  try {
    const listed = await git.run({
      args: ['ls-remote', '--symref', '--', url, 'HEAD', 'refs/heads/*'],
      network: true,
    });
    const text = listed.stdout.toString('utf8');
    const standard = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(text)?.[1] ?? 'main';
    const names = [...text.matchAll(/\trefs\/heads\/(\S+)$/gm)].flatMap(([, name]) => name ?? []);
    const found = names.filter((name) => !/^crosstalk\/|-archive$/.test(name));
    if (found.length === 0 || (found.length === 1 && found[0] === standard)) return standard;
    await git.run({ args: ['init', '--quiet', '--bare', '--template='] });
    const others = [...LIKELY.filter((name) => found.includes(name)), ...found];
    const first = found.includes(standard) ? [standard] : [];
    const rest = [...new Set(others)].filter((name) => name !== standard);
    return (
      (await firstWithVersion(git, url, first)) ??
      (await firstWithVersion(git, url, rest.slice(0, BRANCHES_MAX))) ??
      first[0] ??
      found[0] ??
      standard
    );
  } finally {
    await git.close();
    await rm(place, { recursive: true, force: true });
  }
}

/** Looks at the top folder of each branch's tip; contents are left out where the remote can. */
async function firstWithVersion(
  git: Git,
  url: string,
  names: readonly string[],
): Promise<string | null> {
  if (names.length === 0) return null;
  const specs = names.map((name, at) => `refs/heads/${name}:refs/look/${at}`);
  await git.run({
    args: ['fetch', '--quiet', '--depth=1', '--filter=blob:none', '--no-tags', '--', url, ...specs],
    network: true,
  });
  for (const [at, name] of names.entries()) {
    const args = ['ls-tree', '--name-only', `refs/look/${at}`, '--', VERSION_FILE];
    const looked = await git.run({ args });
    if (looked.code === 0 && looked.stdout.toString('utf8').trim() === VERSION_FILE) return name;
  }
  return null;
}
