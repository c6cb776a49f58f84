/**
 * `crosstalkd verify --signatures`: whose keys have signed the commits of the branch, by what this
 * host's operator knows.
 */
import { ERROR_CODES } from '../../base/errors.ts';
import { readHostKey, readSigners, withOwn } from '../../local/trust-store.ts';
import { hear, type Signers, type Voice } from '../../protocol/trust.ts';
import type { CommitInfo, Repository } from '../../transport/repository.ts';
import type { Invocation } from '../command.ts';
import { plain } from '../io.ts';
import { printJson, tipOf, wantsJson, withSession } from '../look/reading.ts';
import { counted } from '../../protocol/say-reason.ts';

/** Commits are heard in groups of so many. */
const CHUNK = 256;
const LISTED_MAX = 20;

interface Heard {
  readonly commit: CommitInfo;
  readonly voice: Voice;
}

/** Exit 1 when a commit is signed by nobody who is known here. First parents only. */
export function verifySignatures(invocation: Invocation): Promise<number> {
  return withSession(invocation, async ({ repository, configDirectory, ...session }) => {
    const key = await readHostKey(session.directory.path);
    const own = key === null ? null : { alias: session.config.alias, key };
    const signers = withOwn(await readSigners(configDirectory), own);
    const max = Number.MAX_SAFE_INTEGER;
    const tip = tipOf({ ...session, repository, configDirectory });
    const commits = await repository.history({ from: null, to: tip, max });
    const heard: Heard[] = [];
    for (let at = 0; at < commits.length; at += CHUNK)
      heard.push(...(await hearAll(repository, commits.slice(at, at + CHUNK), signers)));
    print(invocation, heard);
    return heard.every(({ voice }) => voice.kind === 'known') ? 0 : ERROR_CODES.REFUSED.exit;
  });
}

function hearAll(
  repository: Repository,
  commits: readonly CommitInfo[],
  signers: Signers,
): Promise<readonly Heard[]> {
  return Promise.all(
    commits.map(async (commit) => ({
      commit,
      voice: hear(await repository.readSigned(commit.oid), signers),
    })),
  );
}

function print(invocation: Invocation, heard: readonly Heard[]): void {
  const counts = new Map<string, number>();
  for (const { voice } of heard)
    for (const name of voice.kind === 'known' ? voice.principals : [])
      counts.set(name, (counts.get(name) ?? 0) + 1);
  const others = heard.filter(({ voice }) => voice.kind !== 'known');
  const told = others.map(({ commit, voice }) => ({
    commit: commit.oid,
    by: commit.committer.name,
    found: describe(voice),
  }));
  const { io } = invocation;
  if (wantsJson(invocation)) {
    printJson(invocation, {
      ok: others.length === 0,
      health: others.length === 0 ? 'good' : 'degraded',
      commits: heard.length,
      signed: [...counts].map(([name, commits]) => ({ name, commits })),
      not_known: told,
    });
    return;
  }
  for (const [name, count] of counts) io.print(plain(`${counted(count, 'commit')} by ${name}`));
  if (others.length === 0) io.print(`All ${heard.length} are signed by known keys.`);
  else io.print(`${counted(others.length, 'commit')} by nobody known here:`);
  for (const { commit, by, found } of told.slice(-LISTED_MAX))
    io.print(plain(`  ${commit.slice(0, 12)}  ${by}: ${found}`));
}

function describe(voice: Voice): string {
  switch (voice.kind) {
    case 'known':
      return voice.principals.join(', ');
    case 'unsigned':
      return 'not signed';
    case 'bad':
      return voice.why;
    case 'stranger':
      return `signed with ${voice.key}`;
  }
}
