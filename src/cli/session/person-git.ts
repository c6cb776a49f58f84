/**
 * git as the person at this terminal has set it up: for their own clone, their identity, and their
 * way to the remote.
 */
import { createRequire } from 'node:module';
import type { SimpleGit } from 'simple-git';
import { PLAIN_OUTPUT } from '../../transport/git-environment.ts';

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

/**
 * git in a directory, in the environment that the command was given. `blockMs`: how long it may be
 * silent; left out for what talks to a remote or asks for a password.
 */
export function openPersonGit(
  baseDir: string,
  env: Readonly<Record<string, string | undefined>>,
  blockMs?: number,
): SimpleGit {
  const given = Object.entries(env).filter(
    ([name, value]) =>
      value !== undefined &&
      (!/^(GIT_|EDITOR$|PAGER$|VISUAL$)/.test(name) || PERSONS_OWN.includes(name)),
  );
  const { simpleGit } = load('simple-git') as typeof import('simple-git');
  return simpleGit({
    baseDir,
    maxConcurrentProcesses: 3,
    config: [...PLAIN_OUTPUT],
    allowEnvironment: PERSONS_OWN,
    // What is let through of these is the person's own, and nothing that a repository could set.
    unsafe: {
      allowUnsafeConfigPaths: true,
      allowUnsafeSshCommand: true,
      allowUnsafeAskPass: true,
    },
    ...(blockMs === undefined ? {} : { timeout: { block: blockMs } }),
  }).env(Object.fromEntries(given) as Record<string, string>);
}
