/**
 * The names that a shell offers after a command: what this machine's copy of the transport has,
 * without asking the remote. A name is offered only when no shell could take it for more than a
 * word: people who push choose names, and shells expand what they are given.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { locateConfigDirectory } from '../../local/config-directory.ts';
import { readHostModels } from '../../local/host-models.ts';
import { stateRoot } from '../../local/state-directory.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import { CHANNELS, messageId, MODELS_FILE, parseMessagePath } from '../../protocol/paths.ts';
import { trailerFormat } from '../../protocol/trailers.ts';
import { createGit, type Git } from '../../transport/git-runner.ts';
import { TIP_REF } from '../../transport/git-cache.ts';
import { type Invocation, option } from '../command.ts';
import { shortenId } from '../look/short-id.ts';
import { locateTransport } from '../session/locate.ts';
import { findKnown } from '../session/open-place.ts';

/** What can be offered. */
export type WordKind = 'ids' | 'runs' | 'models' | 'channels' | 'hosts';

/** Commits of the newest that are looked at: what people name now is in them. */
const COMMITS_MAX = 400;
const WORDS_MAX = 300;
const LIMIT_MS = 2_000;
/** A word to bash, zsh and fish alike. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9._@/-]{0,199}$/;
/** The host of a dispatcher's commit. */
const DISPATCHER = /^dispatcher@(.+)\.crosstalk$/;

/** The names of these kinds, newest first where ordered; none where there is no copy. */
export async function completeWords(
  invocation: Invocation,
  kinds: readonly WordKind[],
): Promise<readonly string[]> {
  const cwd = resolve(invocation.cwd, option(invocation, 'dir') ?? '.');
  const located = await locateTransport(null, { cwd, env: invocation.env });
  const root = stateRoot(option(invocation, 'state'), invocation.env);
  const known = await findKnown({ root, located });
  const gitDir = known?.directory.cache ?? '';
  if (!existsSync(gitDir)) return [];
  const git = createGit({ env: invocation.env, gitDir, clock: systemClock });
  const found = await Promise.all(kinds.map((kind) => WORDS[kind](git, invocation)));
  return [...new Set(found.flat().filter((word) => WORD.test(word)))];
}

const WORDS: Readonly<
  Record<WordKind, (git: Git, invocation: Invocation) => Promise<readonly string[]>>
> = {
  ids: async (git) => {
    const paths = await linesOf(git, [
      ...NEWEST,
      '--format=',
      '--name-only',
      '--diff-filter=A',
      TIP_REF,
      '--',
      CHANNELS,
    ]);
    return paths
      .flatMap((path) => (isMessage(path) ? [shortenId(messageId(path))] : []))
      .slice(0, WORDS_MAX);
  },
  runs: (git) => linesOf(git, [...NEWEST, `--format=${trailerFormat('Run', '%x0A')}`, TIP_REF]),
  channels: async (git) =>
    (await linesOf(git, ['ls-tree', '-d', '--name-only', TIP_REF, `${CHANNELS}/`])).map((path) =>
      path.slice(CHANNELS.length + 1),
    ),
  models: async (git, { env }) => {
    const [shared, own] = await Promise.all([
      linesOf(git, ['cat-file', 'blob', `${TIP_REF}:${MODELS_FILE}`]),
      readHostModels(locateConfigDirectory(env)),
    ]);
    return [decodeModels(shared.join('\n')), own].flatMap(({ models }) => [...models.keys()]);
  },
  hosts: async (git) =>
    (await linesOf(git, [...NEWEST, '--format=%cE', TIP_REF])).flatMap(
      (address) => DISPATCHER.exec(address)?.slice(1) ?? [],
    ),
};

const NEWEST = ['log', '--no-color', '--no-notes', `--max-count=${COMMITS_MAX}`];

function isMessage(path: string): boolean {
  const parsed = parseMessagePath(path);
  return parsed !== null && parsed.replyTo === null;
}

async function linesOf(git: Git, args: readonly string[]): Promise<readonly string[]> {
  const { code, stdout } = await git.run({ args, limitMs: LIMIT_MS });
  return code === 0
    ? stdout
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
}
