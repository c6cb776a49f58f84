/**
 * Finds who wrote people's files: the committer, or the signer where signatures are required. Gates
 * and questions of agents use the same rule.
 */
import type { Oid } from '../base/ids.ts';
import { hear, peopleWho, requires, type Trust, type Voice } from '../protocol/trust.ts';
import type { Called } from '../protocol/people.ts';
import { type Speaker, speakerOf } from '../protocol/who-said.ts';
import type { Repository } from '../transport/repository.ts';

/** Where the files stand, whose addresses are whose, and what must be signed; null: nothing. */
export interface Hearing {
  readonly repository: Repository;
  readonly tip: Oid | null;
  readonly called: Called;
  readonly trust: Trust | null;
}

/** What was heard at a tip, by path; null: nobody who counts. */
interface Heard {
  readonly trust: Trust | null;
  readonly called: Called;
  readonly tip: Oid;
  readonly byPath: Map<string, { readonly text: string; readonly speaker: Speaker | null }>;
}

/** The same files are read with every look. */
const HEARD = new WeakMap<Repository, Heard>();
const HEARD_MAX = 10_000;

/**
 * The speaker of each file, of those that have one. A file that was edited since speaks for nobody,
 * because somebody else may have done that.
 */
export async function findSpeakers(
  { repository, tip, called, trust: pinned }: Hearing,
  files: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, Speaker>> {
  if (tip === null || files.size === 0) return new Map();
  const trust = pinned !== null && requires(pinned, 'gates') ? pinned : null;
  const known = await recall({ repository, tip, called, trust });
  const asked = [...files].filter(([path, text]) => known.get(path)?.text !== text);
  if (asked.length > 0) {
    const paths = asked.map(([path]) => path);
    const commits = await repository.findAddingCommits(paths, { from: null, to: tip });
    const now = await repository.lookUp(tip, paths);
    const writers = trust === null ? null : await repository.findWriters(paths, tip);
    for (const [at, [path, text]] of asked.entries()) {
      const commit = commits.get(path);
      if (commit === undefined) continue;
      const [then] = await repository.lookUp(commit.oid, [path]);
      const isSame = then?.oid === now[at]?.oid;
      const speaker = isSame ? speakerOf(commit, called) : null;
      const signed = writers?.get(path)?.signed ?? null;
      known.set(path, {
        text,
        speaker:
          speaker === null || trust === null
            ? speaker
            : signerOf(speaker, hear(signed, trust.signers), trust),
      });
    }
  }
  return new Map(
    [...files].flatMap(([path, text]) => {
      const heard = known.get(path);
      return heard?.text === text && heard.speaker !== null ? [[path, heard.speaker]] : [];
    }),
  );
}

/** What is known already, without the files that anybody has written since. */
async function recall(asked: Required<Hearing> & { readonly tip: Oid }): Promise<Heard['byPath']> {
  const { repository, tip, called, trust } = asked;
  const before = HEARD.get(repository);
  const isKnown =
    before?.trust === trust &&
    before.called === called &&
    before.byPath.size < HEARD_MAX &&
    (await repository.isAncestor(before.tip, tip));
  const byPath: Heard['byPath'] = isKnown ? before.byPath : new Map<string, never>();
  if (isKnown && before.tip !== tip && byPath.size > 0) {
    const range = { from: before.tip, to: tip };
    for (const path of (await repository.findWrites([...byPath.keys()], range)).keys())
      byPath.delete(path);
  }
  HEARD.set(repository, { trust, called, tip, byPath });
  return byPath;
}

/** The person whose key it is, in place of what the commit says of itself; null: nobody who may. */
function signerOf(speaker: Speaker, voice: Voice, trust: Trust): Speaker | null {
  const names = peopleWho(voice, 'approve', trust);
  const [name] = names;
  return name === undefined ? null : { ...speaker, name, names, voice: name };
}
