/**
 * A git that stops in the middle of what it fetches, as a slow disk or a slow line would have it,
 * until it is let go or killed.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { untilTrue } from './fleet.ts';

export interface SlowGit {
  /** The PATH with which it is found first. */
  readonly path: string;
  /** The next fetch stops after so many bytes of its pack. */
  readonly stopAfter: (bytes: number) => void;
  /** Resolves when a fetch stands in the middle. */
  readonly untilStopped: () => Promise<void>;
  readonly letGo: () => void;
}

/** Puts such a git below `root`. Every other command goes through unchanged. */
export function makeSlowGit(root: string, path: string): SlowGit {
  const place = join(root, 'slow-git');
  mkdirSync(place);
  const git = execFileSync('/bin/sh', ['-c', 'command -v git'], {
    env: { PATH: path },
    encoding: 'utf8',
  }).trim();
  const [bytes, stopped] = [join(place, 'bytes'), join(place, 'stopped')];
  // fetch-pack starts `git unpack-objects` by the path of git's own programs, so this has to stand
  // there too.
  writeFileSync(
    join(place, 'git'),
    `#!/bin/sh
GIT_EXEC_PATH=${place}; export GIT_EXEC_PATH
PATH=${path}; export PATH
case " $* " in
  *' unpack-objects '*)
    [ -e ${bytes} ] || exec ${git} "$@"
    { head -c "$(cat ${bytes})"; : > ${stopped}; while [ -e ${stopped} ]; do sleep 0.02; done; cat; } | ${git} "$@" ;;
  *) exec ${git} "$@" ;;
esac
`,
    { mode: 0o755 },
  );
  return {
    path: `${place}:${path}`,
    stopAfter: (count) => {
      rmSync(stopped, { force: true });
      writeFileSync(bytes, String(count));
    },
    untilStopped: () => untilTrue(() => existsSync(stopped)),
    letGo: () => {
      rmSync(bytes, { force: true });
      rmSync(stopped, { force: true });
    },
  };
}
