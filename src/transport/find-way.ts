/** How git would reach a remote: for a connection that none of its commands stands between. */
import { fileURLToPath } from 'node:url';
import { isHttpUrl } from './git-environment.ts';
import type { Way } from './conversation.ts';
import type { Git } from './git-runner.ts';
import { isOnDisk } from './remote-url.ts';

/** An ssh that connects to nobody: it prints its arguments, each with a zero byte after it. */
const PRINTING_SSH = `f() { printf '%s\\0' "$@" >&2; exit 1; }; f`;

/** The way to a checked URL, `insteadOf` applied; null: none that is known here. */
export async function findWay(git: Git, url: string): Promise<Way | null> {
  if (isHttpUrl(url)) return { kind: 'http', url };
  if (isOnDisk(url)) {
    const path = pathOf(url);
    return path === null ? null : { kind: 'folder', path };
  }
  // Ports, users, home directories and quotes: git itself says what it makes of the address.
  const asked = await git.run({
    args: ['ls-remote', '--', url],
    network: true,
    env: { GIT_SSH_COMMAND: PRINTING_SSH, GIT_SSH_VARIANT: 'ssh' },
  });
  const args = asked.stderr.split('\0').slice(0, -1);
  return args.length === 0 ? null : { kind: 'ssh', args };
}

function pathOf(url: string): string | null {
  if (!url.startsWith('file:')) return url;
  try {
    return /[?#]/.test(url) ? null : fileURLToPath(url);
  } catch {
    return null;
  }
}
