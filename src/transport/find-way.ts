/** How git would reach a remote: for a connection that none of its commands stands between. */
import { isHttpUrl } from './git-environment.ts';
import type { Way } from './conversation.ts';
import type { Git } from './git-runner.ts';
import { folderOf, isOnDisk } from './remote-url.ts';

/**
 * An ssh that connects to nobody: it prints its arguments between zero bytes, because git may have
 * warned of something before.
 */
const PRINTING_SSH = `f() { printf '\\0' >&2; printf '%s\\0' "$@" >&2; exit 1; }; f`;

/** The way to a checked URL, `insteadOf` applied; null: none that is known here. */
export async function findWay(git: Git, url: string): Promise<Way | null> {
  if (isHttpUrl(url)) return { kind: 'http', url };
  if (isOnDisk(url)) {
    const path = folderOf(url);
    return path === null ? null : { kind: 'folder', path };
  }
  // Ports, users, home directories and quotes: git itself says what it makes of the address. Of
  // git's commands this one does not apply `insteadOf` a second time.
  const asked = await git.run({
    args: ['fetch-pack', url],
    network: true,
    env: { GIT_SSH_COMMAND: PRINTING_SSH, GIT_SSH_VARIANT: 'ssh' },
  });
  const args = asked.stderr.split('\0').slice(1, -1);
  return args.length === 0 ? null : { kind: 'ssh', args };
}
