/**
 * `crosstalkd remote add <url>`: takes a transport that lives on this machine to a remote, with
 * everything that was said and with what was approved here.
 */
import { isAbsolute } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { shellWord } from '../../base/shell-word.ts';
import { approve, readApprovals } from '../../local/approvals.ts';
import { transportId } from '../../local/state-directory.ts';
import { checkRemoteUrl } from '../../transport/git-environment.ts';
import type { Invocation } from '../command.ts';
import { plain } from '../io.ts';
import { printGood, wantsJson, withSession } from '../look/reading.ts';
import { lacksPace, setHostedPace } from './set-pace.ts';
import { readRemotes, samePlace } from '../session/find-projects.ts';
import { addressIn } from '../session/locate.ts';
import { asUnreachable } from '../session/remote-errors.ts';
import { openState } from '../session/open-state.ts';
import { shownUrl } from '../../transport/remote-url.ts';
import { redact } from '../../transport/server-words.ts';
import { nameRemote, openPersonGit } from '../session/person-git.ts';
import { asPerson, readHeads } from '../session/remote-branches.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { fixBy, fixByHand, withNote } from '../../base/fix.ts';

/** Copies the branch to the remote, then lets the clone name it. */
export function addRemote(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const { clone, url: before } = session.located;
    if (clone === null || !isAbsolute(before))
      throw new CrosstalkError('REFUSED', `the transport already has the remote ${before}`, {
        fix: withNote(fixBy`git remote set-url origin URL`, 'in the clone, when it has moved'),
      });
    const given = invocation.args[0] ?? '';
    const url = checkRemoteUrl(addressIn(invocation.cwd, given), session.config.allowHttp);
    // Nobody here may continue with the old one meanwhile.
    const local = await openState(invocation, session);
    let note: string | null = null;
    try {
      if (await lacksPace(session, url)) note = await setHostedPace(invocation, session);
      await push(session, { clone, url });
      await followRemote(invocation, { clone, url, branch: session.branch });
      await keepApprovals(session, shownUrl(url));
    } finally {
      await local.close();
    }
    printAdded(invocation, session, {
      url: shownUrl(url),
      isOfProject: await isOfProject(session, url),
    });
    if (note !== null && !wantsJson(invocation)) invocation.io.print(note);
    return 0;
  });
}

interface Move {
  readonly clone: string;
  readonly url: string;
}

async function push(session: TransportSession, { url }: Move): Promise<void> {
  const { branch, located, env } = session;
  const heads = await readHeads(asPerson(url, env)).catch((error: unknown) => {
    throw asUnreachable(`cannot reach ${shownUrl(url)}`, error);
  });
  if (heads.branches.includes(branch))
    throw new CrosstalkError('REFUSED', `${shownUrl(url)} has a branch "${branch}" already`, {
      fix: withNote(fixBy`crosstalkd join ${shownUrl(url)}`, 'or a remote without that branch'),
    });
  const names = [branch, `${branch}-archive`];
  const here = await readHeads(asPerson(located.url, env));
  const refs = names
    .filter((name) => here.branches.includes(name))
    .map((name) => `refs/heads/${name}:refs/heads/${name}`);
  try {
    await openPersonGit(located.url, env).raw([
      'push',
      '--quiet',
      '--no-verify',
      '--',
      url,
      ...refs,
    ]);
  } catch (error) {
    throw new CrosstalkError(
      'REFUSED',
      `${shownUrl(url)} rejects it: ${redact(errorText(error)).trim()}`,
      { fix: fixByHand('ask for write access to the repository, then the same command again') },
    );
  }
}

async function followRemote(
  { env }: Invocation,
  { clone, url, branch }: Move & { readonly branch: string },
): Promise<void> {
  const git = openPersonGit(clone, env);
  await nameRemote(git, url);
  await git.raw(['fetch', '--quiet', 'origin']);
  await git.raw(['branch', '--quiet', `--set-upstream-to=origin/${branch}`, branch]);
}

/** What was approved was approved for this conversation, wherever it is kept. */
async function keepApprovals(session: TransportSession, url: string): Promise<void> {
  const approved = await readApprovals(session.configDirectory, session.id);
  const entries = [...approved].map(([name, hash]) => ({ name, hash }));
  const { rootCommit } = session;
  if (entries.length > 0)
    await approve(
      session.configDirectory,
      { transport: transportId({ remoteUrl: url, rootCommit }), entries },
      { clock: systemClock, random: systemRandom },
    );
}

/** The project has the same remote, so that its clones find the conversation on their own. */
async function isOfProject({ located, env }: TransportSession, url: string): Promise<boolean> {
  const { project } = located;
  if (project === null) return false;
  const remotes = await readRemotes(project.directory, env);
  return remotes.some((remote) => samePlace(remote.url, url));
}

function printAdded(
  invocation: Invocation,
  session: TransportSession,
  { url, isOfProject }: { readonly url: string; readonly isOfProject: boolean },
): void {
  const { branch } = session;
  if (wantsJson(invocation)) {
    printGood(invocation, { remote: url, branch });
    return;
  }
  invocation.io.print(plain(`The conversation is on ${url} now (branch ${branch}).`));
  invocation.io.print(
    isOfProject
      ? 'Others: crosstalkd join, in their clone of the project'
      : `Others: crosstalkd join ${shellWord(url)}`,
  );
}
