/**
 * What a person has written in their clone and not sent. Only reads; not even the clone's index is
 * refreshed.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byCodeUnit } from '../../base/order.ts';
import { shellWord } from '../../base/shell-word.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { CHANNELS, parseMessagePath } from '../../protocol/paths.ts';
import { openPersonGit } from '../session/person-git.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** Messages that nobody else can see yet. */
export interface Unsent {
  readonly clone: string;
  /** Paths of new or changed message files that stand in no commit, in code-unit order. */
  readonly files: readonly string[];
  /**
   * Commits of the clone's branch that its upstream does not have and that write below
   * data/channels.
   */
  readonly commits: number;
  /** The remote has what the clone lacks: git refuses to push the commits as they are. */
  readonly isBehind: boolean;
}

/**
 * Files that everybody can see may have been edited; this many of them are looked at, the latest.
 */
const EDITED_MAX = 100;

/** What git says of a clone. */
export interface CloneSeen {
  readonly clone: string;
  /** Files that are in no commit, whether staged or not. */
  readonly written: readonly string[];
  readonly ahead: string;
}

/**
 * Asks git about the clone of a session; null when there is none. It may be begun early. Not by
 * `git status`: that looks at each of the files that were ever sent, which takes longer in a large
 * clone than everything else.
 */
export async function lookAtClone(
  session: TransportSession,
  below = CHANNELS,
): Promise<CloneSeen | null> {
  const { clone } = session.located;
  if (clone === null) return null;
  const ask = createAsk(clone, session.env);
  const [untracked, staged, ahead] = await Promise.all([
    ask('ls-files', '-z', '--others', '--exclude-standard', '--', below),
    ask(
      'diff-index',
      '-z',
      '--cached',
      '--no-renames',
      '--name-only',
      '--diff-filter=AM',
      'HEAD',
      '--',
      below,
    ),
    ask('rev-list', '--count', '@{upstream}..HEAD', '--', CHANNELS),
  ]);
  return { clone, written: [...new Set([...pathsOf(untracked), ...pathsOf(staged)])], ahead };
}

/**
 * What is unsent in the clone of a session, or null when there is no clone or nothing is. A file
 * whose bytes were sent already does not count.
 */
export async function findUnsent(
  session: TransportSession,
  looking: Promise<CloneSeen | null> = lookAtClone(session),
): Promise<Unsent | null> {
  const seen = await looking;
  if (seen === null) return null;
  const { clone, written, ahead } = seen;
  const changed = new Set([...written, ...(await listEdited(session, clone))]);
  const messages = [...changed]
    .filter((path) => parseMessagePath(path) !== null && existsSync(join(clone, path)))
    .sort(byCodeUnit);
  const files = await dropSent(session, clone, messages);
  const commits = /^\d+$/.test(ahead.trim()) ? Number(ahead) : 0;
  if (files.length === 0 && commits === 0) return null;
  return { clone, files, commits, isBehind: commits > 0 && (await isBehind(session, clone)) };
}

/** Whether the clone's branch does not contain what was just read; it may not even have it. */
async function isBehind({ mirror, env }: TransportSession, clone: string): Promise<boolean> {
  const { tip } = mirror.index();
  return tip !== null && (await createAsk(clone, env)('merge-base', tip, 'HEAD')).trim() !== tip;
}

/** The same for people: what there is, each with the command that sends it. */
export function describeUnsent(unsent: Unsent): readonly string[] {
  const { clone, files, commits, isBehind: behind } = unsent;
  const [first] = files;
  return [
    ...(first === undefined
      ? []
      : [
          `${files.length} unsent ${files.length === 1 ? 'message' : 'messages'} in ${clone}: crosstalkd send -C ${shellWord(clone)} ${shellWord(first)}`,
        ]),
    ...(commits === 0
      ? []
      : [
          `${commits} unpushed ${commits === 1 ? 'commit' : 'commits'} with messages in ${clone}: git -C ${shellWord(clone)} ${behind ? 'pull --rebase --autostash' : 'push'}`,
        ]),
  ];
}

/**
 * Sent files that were edited since. An answered message is nothing that an edit could change: only
 * what waits, or was rejected, is looked at.
 */
async function listEdited(session: TransportSession, clone: string): Promise<readonly string[]> {
  const { messages, rejected } = session.mirror.index();
  const paths = [...messages.keys(), ...rejected.keys()].slice(-EDITED_MAX);
  if (paths.length === 0) return [];
  return pathsOf(
    await createAsk(clone, session.env)(
      'diff-files',
      '-z',
      '--no-renames',
      '--name-only',
      '--diff-filter=M',
      '--',
      ...paths,
    ),
  );
}

function pathsOf(listed: string): readonly string[] {
  return listed.split('\0').filter((path) => path !== '');
}

/** One question to git in the clone; empty when git has no answer. */
function createAsk(
  clone: string,
  env: TransportSession['env'],
): (...args: readonly string[]) => Promise<string> {
  const git = openPersonGit(clone, env, 10_000);
  // Without optional locks git does not write back what it learnt, so that a look leaves every byte
  // as it was.
  return (...args) =>
    git.raw(['--no-optional-locks', '--literal-pathspecs', ...args]).catch(() => '');
}

async function dropSent(
  session: TransportSession,
  clone: string,
  paths: readonly string[],
): Promise<readonly string[]> {
  const { tip } = session.mirror.index();
  if (tip === null || paths.length === 0) return paths;
  const entries = await session.repository.lookUp(tip, paths);
  const standing = paths.flatMap((path, at) => {
    const entry = entries[at];
    return entry?.kind === 'file' ? [{ path, blob: entry.oid }] : [];
  });
  const oids = standing.map(({ blob }) => blob);
  const sent = new Set<string>();
  let at = 0;
  // Piece by piece: in a clone whose index is gone, every message is one of these.
  for await (const some of session.repository.scanBlobs(oids, MESSAGE_BYTES_MAX))
    for (const blob of some) {
      const path = standing[at++]?.path;
      if (path === undefined || blob.kind !== 'bytes') continue;
      const own = await readFile(join(clone, path)).catch(() => null);
      if (own?.equals(blob.bytes) === true) sent.add(path);
    }
  return paths.filter((path) => !sent.has(path));
}
