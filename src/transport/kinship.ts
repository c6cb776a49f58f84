/**
 * A signature does not name the transport that it was given for, and anyone who merges the history
 * of another one into this brings along what was signed there. So a signed commit is heard only if
 * it descends from the first commit of this transport. PROTOCOL.md "Signatures".
 */
import { type Oid, parseOid } from '../base/ids.ts';
import type { SignedBytes } from '../protocol/trust.ts';
import type { Git } from './git-runner.ts';
import type { GitCache } from './git-cache.ts';
import { cacheFailure, isAncestorOf } from './git-history.ts';
import type { ObjectReader } from './object-reader.ts';

export interface Kinship {
  /** The tip that is looked at: what is below it and has another beginning is not heard. */
  readonly about: (tip: Oid) => void;
  /** What of a commit is signed; null when nothing is, or it was signed for another transport. */
  readonly readSigned: (commit: Oid) => Promise<SignedBytes | null>;
}

interface KinshipDoors {
  readonly git: Git;
  readonly reader: ObjectReader;
  readonly cache: Pick<GitCache, 'readAlone' | 'writeAlone'>;
  /** The first commit of the transport; null: not known yet, and everything is heard. */
  readonly root: Oid | null;
  /** Told once, with a first commit that is not ours. */
  readonly onForeign: (root: Oid) => void;
}

/** New commits that are looked at in process before a git process is started. */
const STEPS_IN_PROCESS = 64;
const WALK_MS = 300_000;

/** The judge of one cache. What was learned is kept there: a walk over all history is made once. */
export function createKinship({ git, reader, cache, root, onForeign }: KinshipDoors): Kinship {
  let [alone, isMixed] = [cache.readAlone(), false];
  let learning = Promise.resolve();
  let ours = root;
  let latest: Oid | null = null;
  const judged = new Map<Oid, boolean>();
  const learn = async (tip: Oid): Promise<void> => {
    if (isMixed || tip === alone) return;
    if (alone !== null && !(await reader.has(alone))) alone = null;
    if (!(await isLine(reader, alone, tip))) {
      const roots = await listRoots(git, alone === null ? [tip] : [tip, `^${alone}`]);
      if (ours !== null && !(await isAncestorOf(git, reader, [ours, tip]))) {
        // The branch was begun again, and a person has accepted it.
        ours = (await listRoots(git, ['--first-parent', tip])).at(-1) ?? ours;
        judged.clear();
      }
      const foreign = roots.find((one) => one !== ours);
      isMixed = foreign !== undefined;
      if (foreign !== undefined) {
        onForeign(foreign);
        return;
      }
      cache.writeAlone(tip);
    }
    alone = tip;
  };
  const isOurs = async (commit: Oid): Promise<boolean> => {
    const known = judged.get(commit);
    if (known !== undefined) return known;
    const info = await reader.readCommit(commit);
    const isRecord = info?.parents.length === 0 && (await reader.list(commit, '')).length === 0;
    const isKin = isRecord || (ours !== null && (await isAncestorOf(git, reader, [ours, commit])));
    judged.set(commit, isKin);
    return isKin;
  };
  return {
    about: (tip) => (latest = tip),
    readSigned: async (commit) => {
      const signed = await reader.readSigned(commit);
      if (signed === null || root === null || latest === null) return signed;
      const tip = latest;
      learning = learning.catch(() => undefined).then(() => learn(tip));
      await learning;
      return !isMixed || (await isOurs(commit)) ? signed : null;
    },
  };
}

/** Whether the new commits are one line without merges: then none of them is a first commit. */
async function isLine(reader: ObjectReader, from: Oid | null, tip: Oid): Promise<boolean> {
  let at = tip;
  for (let step = 0; from !== null && step < STEPS_IN_PROCESS; step += 1) {
    if (at === from) return true;
    const [parent, ...others] = (await reader.readCommit(at))?.parents ?? [];
    if (parent === undefined || others.length > 0) return false;
    at = parent;
  }
  return false;
}

/** The first commits of a range, as `rev-list` takes it. */
async function listRoots(git: Git, range: readonly string[]): Promise<readonly Oid[]> {
  const args = ['rev-list', '--max-parents=0', ...range, '--'];
  const { code, stdout, stderr } = await git.run({ args, limitMs: WALK_MS });
  if (code !== 0) throw cacheFailure('rev-list', stderr);
  return stdout
    .toString('utf8')
    .split('\n')
    .flatMap((line) => parseOid(line) ?? []);
}
