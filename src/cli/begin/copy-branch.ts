/**
 * `mirror:`, a second remote that is only written to, so that a conversation survives its forge.
 * After each change of the branch that this host sees, the branch is pushed there, forwards only.
 * Nobody waits for that, and what fails there fails nothing else.
 */
import { existsSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { fixByHand } from '../../base/fix.ts';
import type { Oid } from '../../base/ids.ts';
import type { Log } from '../../base/log.ts';
import { removeFile, writeDurableFile } from '../../local/durable-file.ts';
import { checkRemoteUrl } from '../../transport/git-environment.ts';
import { judgeFailure } from '../../transport/git-failure.ts';
import { adoptSettings } from '../../transport/git-repository.ts';
import { createGit, type Git } from '../../transport/git-runner.ts';
import type { Mirror } from '../../transport/mirror.ts';
import { openUrl } from '../../transport/remote-url.ts';
import { formatMirrorTrouble } from '../look/mirror-trouble.ts';
import { samePlace } from '../session/find-projects.ts';
import type { TransportSession } from '../session/transport-session.ts';

export interface BranchCopy {
  /** The session, whose view of the branch tells the copy when it has moved. */
  readonly session: TransportSession;
  /** Begins; called by who holds the state directory. */
  readonly start: () => Promise<void>;
  /** Pushes what is left, for as long as agents are given to end. */
  readonly close: () => Promise<void>;
}

/** Throws CONFIG_INVALID for an address that cannot be used. */
export async function copyBranch(session: TransportSession, log: Log): Promise<BranchCopy> {
  const { config, directory } = session;
  if (config.mirror === null)
    return {
      session,
      start: () => removeFile(directory.mirrorTroubleFile),
      close: () => Promise.resolve(),
    };
  const { url, access } = openUrl(checkRemoteUrl(config.mirror, config.allowHttp));
  if (samePlace(url, session.located.url))
    throw new CrosstalkError('CONFIG_INVALID', `mirror: ${url} is the remote itself`, {
      fix: fixByHand('name another repository in config.yaml, or remove "mirror"'),
    });
  const git = createGit({
    env: session.env,
    gitDir: directory.cache,
    clock: systemClock,
    networkMs: config.networkTimeoutMs,
    allowHttp: config.allowHttp,
    access,
  });
  await adoptSettings(git, session.env, { access, urls: [url] });
  const copier = createCopier(session, { git, url, log });
  const mirror = followMirror(session.mirror, copier.offer);
  return {
    session: { ...session, mirror, publisher: { ...session.publisher, mirror } },
    start: () => {
      if (existsSync(directory.cache)) copier.offer();
      return Promise.resolve();
    },
    close: copier.close,
  };
}

/** Calls `onLook` whenever the branch may have moved. */
function followMirror(mirror: Mirror, onLook: () => void): Mirror {
  const then = async <T>(looked: Promise<T>): Promise<T> => {
    const done = await looked;
    onLook();
    return done;
  };
  return {
    ...mirror,
    pull: (seen) => then(mirror.pull(seen)),
    accept: (tip) => then(mirror.accept(tip)),
  };
}

interface Copying {
  readonly git: Git;
  readonly url: string;
  readonly log: Log;
}

/** One push at a time, of the newest tip. */
function createCopier(
  session: TransportSession,
  { git, url, log }: Copying,
): { readonly offer: () => void; readonly close: () => Promise<void> } {
  const { mirror, branch, config, directory } = session;
  let tried: Oid | null = null;
  let running: Promise<void> | null = null;
  let isFailing = false;
  const over = new AbortController();

  const push = async (tip: Oid): Promise<void> => {
    const args = ['push', '--quiet', '--no-verify', '--', url, `${tip}:refs/heads/${branch}`];
    const result = await git.run({ args, network: true });
    if (over.signal.aborted) return;
    if (result.code === 0) {
      if (isFailing) log.status('mirror.current', { remote: url, commit: tip });
      isFailing = false;
      await removeFile(directory.mirrorTroubleFile);
      return;
    }
    const { line } = judgeFailure(result);
    await writeDurableFile(directory.mirrorTroubleFile, formatMirrorTrouble({ url, line }));
    if (!isFailing)
      log.warning('mirror.failed', {
        remote: url,
        reason: line,
        next: 'continues; retries with the next change of the branch',
      });
    isFailing = true;
  };

  const offer = (): void => {
    const { tip } = mirror.index();
    if (running !== null || tip === null || tip === tried) return;
    tried = tip;
    running = push(tip)
      .catch(() => undefined) // The note of it could not be written; the log says what fails here.
      .finally(() => {
        running = null;
        if (!over.signal.aborted) offer();
      });
  };

  return {
    offer,
    close: async () => {
      offer();
      const drained = (async () => {
        while (running !== null) await running;
      })();
      await Promise.race([drained, systemClock.sleep(config.shutdownGraceMs, over.signal)]);
      over.abort();
      await git.close();
      await drained;
    },
  };
}
