/**
 * git as the person at this terminal has set it up: for their own clone, their identity, and their
 * way to the remote.
 */
import { createRequire } from 'node:module';
import type { SimpleGit } from 'simple-git';

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
 * git in a directory. `blockMs`: how long it may be silent; left out for what talks to a remote or
 * asks for a password.
 */
export function openPersonGit(baseDir: string, blockMs?: number): SimpleGit {
  const { simpleGit } = load('simple-git') as typeof import('simple-git');
  return simpleGit({
    baseDir,
    maxConcurrentProcesses: 3,
    allowEnvironment: PERSONS_OWN,
    ...(blockMs === undefined ? {} : { timeout: { block: blockMs } }),
  });
}
