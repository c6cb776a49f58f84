/**
 * Reads chosen facts of many commits out of the cache, a line each, as git prints them: trailers
 * are what git takes for trailers, so what somebody wrote above them is not one.
 */
import { cacheFailure } from '../../transport/git-history.ts';
import { MINUTE } from '../../base/clock.ts';
import type { Oid } from '../../base/ids.ts';
import { type TrailerKey, trailerFormat } from '../../protocol/trailers.ts';
import { gitOf, type TransportSession } from '../session/transport-session.ts';

const WALK_MS = 10 * MINUTE;
const SEPARATOR = '\u0001';

/** What is read. */
export interface CommitWalk {
  readonly session: TransportSession;
  /** Leaves out this commit and what it contains; null = nothing. */
  readonly from: Oid | null;
  readonly to: Oid;
  /** Only commits that match: more arguments of `git log`. */
  readonly only?: readonly string[];
  /** Only commits that change one of these files; git takes their names as they are. */
  readonly paths?: readonly string[];
  /** Fields as `--format` of git names them. */
  readonly fields: readonly string[];
  /** Their values follow the fields. */
  readonly trailers: readonly TrailerKey[];
}

/** Every commit of the range, by whatever merges it came, oldest first. */
export async function walkCommits(
  { session, from, to, only = [], paths = [], fields, trailers }: CommitWalk,
  take: (values: readonly string[]) => void,
): Promise<void> {
  const git = gitOf(session);
  const named = trailers.map((key) => trailerFormat(key));
  const format = `--format=${[...fields, ...named].join('%x01')}`;
  let rest = '';
  const decoder = new TextDecoder();
  const onStdout = (chunk: Buffer): void => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line.split(SEPARATOR));
  };
  const steady = ['-c', 'i18n.logOutputEncoding=UTF-8', 'log', '--no-color', '--no-notes'];
  const how = ['--no-mailmap', '--no-merges', '--reverse', ...only, format];
  const range = from === null ? [to] : [to, `^${from}`];
  const walked = await git.run({
    args: [...steady, ...how, ...range, '--', ...paths],
    onStdout,
    limitMs: WALK_MS,
  });
  if (walked.code !== 0) throw cacheFailure('log', walked.stderr);
  if (rest !== '') take(rest.split(SEPARATOR));
}
