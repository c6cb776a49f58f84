/** What the last pushes of the dispatcher here carried: refs by kind, commits in words. */
import { walkCommits } from '../cli/look/walk-commits.ts';
import type { Moment } from './desk.ts';

/** Pushes that are told, and commits that are read for them. */
const PUSHES_MAX = 20;
const COMMITS_MAX = 400;
/** Commits of one push that are told; the others are counted. */
const SUBJECTS_MAX = 12;

/** Newest first; null = no dispatcher runs here. */
export async function showPushes({ around, session, atMs }: Moment) {
  const { here } = around;
  if (here === null) return { host: null, pushes: [] };
  const pushes = (here.pushes ?? []).slice(0, PUSHES_MAX);
  const moves = pushes.flatMap(({ branch, how }) => (how === 'landed' ? (branch ?? []) : []));
  const commits = new Map<string, { readonly parent: string; readonly subject: string }>();
  const [newest, oldest] = [moves[0], moves.at(-1)];
  if (newest !== undefined)
    await walkCommits(
      {
        ...{ session, from: oldest?.from ?? null, to: newest.to },
        only: [`--max-count=${COMMITS_MAX}`],
        fields: ['%H', '%P', '%s'],
        trailers: [],
      },
      ([commit = '', parents = '', subject = '']) =>
        void commits.set(commit, { parent: parents.split(' ')[0] ?? '', subject }),
      // The cache may be behind, or just begun: the refs are told all the same.
    ).catch(() => undefined);
  const subjectsOf = (branch: (typeof moves)[number]): readonly string[] => {
    const subjects: string[] = [];
    for (let at: string = branch.to; at !== branch.from;) {
      const found = commits.get(at);
      if (found === undefined) break;
      subjects.unshift(found.subject);
      at = found.parent;
    }
    return subjects;
  };
  return {
    host: here.alias,
    pushes: pushes.map(({ branch, agoMs, ...made }) => {
      const subjects = branch === null || made.how !== 'landed' ? [] : subjectsOf(branch);
      return {
        ...made,
        atMs: atMs - agoMs,
        movesBranch: branch !== null,
        commits: subjects.length,
        subjects: subjects.slice(0, SUBJECTS_MAX),
      };
    }),
  };
}
