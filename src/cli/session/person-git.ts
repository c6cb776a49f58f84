/**
 * git as the person at this terminal has set it up: for their own clone, their identity, and their
 * way to the remote.
 */
import { appendFile, chmod } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { SimpleGit } from 'simple-git';
import { CrosstalkError } from '../../base/errors.ts';
import { PLAIN_OUTPUT } from '../../transport/git-environment.ts';
import {
  accessVariables,
  accessOf,
  ADDRESS_KEYS,
  hideSecrets,
  joinAccess,
  REMOTE_COMMANDS,
  type RemoteAccess,
  shownUrl,
  splitSettings,
} from '../../transport/remote-url.ts';

// Loaded when first needed: it takes almost as long as node itself, and a dispatcher given a URL
// never opens anybody's clone.
const load = createRequire(import.meta.url);

/**
 * What of git's environment is about the person and not about one repository. Everything else of it
 * is left behind.
 */
const PERSONS_OWN = [
  ...['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM'],
  ...[
    'GIT_SSH',
    'GIT_SSH_COMMAND',
    'GIT_ASKPASS',
    'SSH_ASKPASS',
    'GIT_TERMINAL_PROMPT',
    'GIT_SSL_CAINFO',
  ],
];

/** git in one directory. */
export interface PersonGit {
  /** What it prints; rejects with what it says. */
  readonly raw: (words: readonly string[]) => Promise<string>;
}

/**
 * git in a directory, in the environment that the command was given. `blockMs`: how long it may be
 * silent; left out for what talks to a remote or asks for a password. Addresses may have passwords
 * in calls that talk to a remote, and in no other.
 */
export function openPersonGit(
  baseDir: string,
  env: Readonly<Record<string, string | undefined>>,
  blockMs?: number,
): PersonGit {
  const given = Object.entries(env).filter(
    ([name, value]) =>
      value !== undefined &&
      (!/^(GIT_|EDITOR$|PAGER$|VISUAL$)/.test(name) || PERSONS_OWN.includes(name)),
  );
  const open = (access: RemoteAccess): SimpleGit => {
    const { simpleGit } = load('simple-git') as typeof import('simple-git');
    const variables = accessVariables(access);
    const isGiven = Object.keys(variables).length > 0;
    return simpleGit({
      baseDir,
      maxConcurrentProcesses: 3,
      config: [...PLAIN_OUTPUT],
      allowEnvironment: [...PERSONS_OWN, ...Object.keys(variables)],
      // What is let through of these is the person's own, and nothing that a repository could set.
      unsafe: {
        allowUnsafeConfigPaths: true,
        allowUnsafeSshCommand: true,
        allowUnsafeAskPass: true,
        allowUnsafeConfigEnvCount: isGiven,
        allowUnsafeCredentialHelper: isGiven,
        allowUnsafeUrlRewrite: isGiven,
      },
      ...(blockMs === undefined ? {} : { timeout: { block: blockMs } }),
    }).env({ ...(Object.fromEntries(given) as Record<string, string>), ...variables });
  };
  const own = accessOf(env);
  const plain = open(own);
  return {
    raw: async (words) => {
      if (!REMOTE_COMMANDS.includes(words[0] ?? '')) {
        refuseSecrets(words);
        return plain.raw([...words]);
      }
      const listed = await plain
        .raw(['config', '--null', '--get-regexp', ADDRESS_KEYS])
        .catch(() => '');
      const hidden = hideSecrets(words, splitSettings(listed));
      return open(joinAccess(own, hidden.access)).raw([...hidden.words]);
    },
  };
}

/** A mistake of ours, found before anybody else can read the password. */
function refuseSecrets(words: readonly string[]): void {
  if (words.some((word) => shownUrl(word) !== word))
    throw new CrosstalkError(
      'INTERNAL',
      `git ${words[0] ?? ''} would show the password of an address to every user of this machine`,
    );
}

/**
 * Lets a clone name its remote. A password is kept where git itself keeps it, in the file of the
 * clone's configuration, which then only its owner can read.
 */
export async function nameRemote(
  git: PersonGit,
  url: string,
  options: readonly string[] = [],
): Promise<void> {
  const names = (await git.raw(['remote'])).split('\n');
  const shown = shownUrl(url);
  const how = names.includes('origin') ? ['set-url'] : ['add', ...options];
  await git.raw(['remote', ...how, 'origin', shown]);
  if (shown === url) return;
  const file = (
    await git.raw(['rev-parse', '--path-format=absolute', '--git-path', 'config'])
  ).trim();
  await chmod(file, 0o600);
  await appendFile(file, `[remote "origin"]\n\turl = ${JSON.stringify(url)}\n`);
  await git.raw(['config', '--fixed-value', '--unset', 'remote.origin.url', shown]);
}
