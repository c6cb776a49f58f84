/**
 * Finds who wrote people's files: the committer, or the signer where signatures are required. Gates
 * and questions of agents use the same rule.
 */
import type { Oid } from '../base/ids.ts';
import { hear, peopleWho, requires, type Trust, type Voice } from '../protocol/trust.ts';
import type { Called } from '../protocol/people.ts';
import { type Speaker, speakerOf } from '../protocol/who-said.ts';
import type { Repository } from '../transport/repository.ts';

/** Where the files stand, whose addresses are whose, and what has to be signed; null: nothing. */
export interface Hearing {
  readonly repository: Repository;
  readonly tip: Oid | null;
  readonly called: Called;
  readonly trust: Trust | null;
}

interface Known {
  readonly text: string;
  readonly called: Called;
  readonly speaker: Speaker | null;
}

/** Commits do not change, and the same files are read with every look. */
const SPEAKERS = new WeakMap<Repository | Trust, Map<string, Known>>();
const SPEAKERS_MAX = 10_000;

/**
 * The speaker of each file, of those that have one. A file that was edited since speaks for nobody,
 * because somebody else may have done that.
 */
export async function findSpeakers(
  { repository, tip, called, trust }: Hearing,
  files: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, Speaker>> {
  const isSigned = trust !== null && requires(trust, 'gates');
  const key = isSigned ? trust : repository;
  const known = SPEAKERS.get(key) ?? new Map<string, Known>();
  SPEAKERS.set(key, known);
  const isKnown = (path: string, text: string): boolean =>
    known.get(path)?.text === text && known.get(path)?.called === called;
  const asked = [...files].filter(([path, text]) => !isKnown(path, text));
  if (asked.length > 0 && tip !== null) {
    const paths = asked.map(([path]) => path);
    const commits = await repository.findAddingCommits(paths, { from: null, to: tip });
    const now = await repository.lookUp(tip, paths);
    const writers = isSigned ? await repository.findWriters(paths, tip) : null;
    for (const [at, [path, text]] of asked.entries()) {
      const commit = commits.get(path);
      if (commit === undefined) continue;
      const [then] = await repository.lookUp(commit.oid, [path]);
      const isSame = then?.oid === now[at]?.oid;
      const speaker = isSame ? speakerOf(commit, called) : null;
      remember(known, path, {
        text,
        called,
        speaker:
          speaker === null || writers === null || trust === null
            ? speaker
            : signerOf(speaker, hear(writers.get(path)?.signed ?? null, trust.signers), trust),
      });
    }
  }
  return new Map(
    [...files].flatMap(([path, text]) => {
      const speaker = isKnown(path, text) ? (known.get(path)?.speaker ?? null) : null;
      return speaker === null ? [] : [[path, speaker]];
    }),
  );
}

/** The person whose key it is, in place of what the commit says of itself; null: nobody who may. */
function signerOf(speaker: Speaker, voice: Voice, trust: Trust): Speaker | null {
  const names = peopleWho(voice, 'approve', trust);
  const [name] = names;
  return name === undefined ? null : { ...speaker, name, names, voice: name };
}

function remember(known: Map<string, Known>, path: string, said: Known): void {
  if (known.size >= SPEAKERS_MAX) known.clear();
  known.set(path, said);
}
