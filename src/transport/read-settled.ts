/**
 * Which contents of a long history need not be read to know what is open: the paths show who
 * answered what.
 */
import type { Oid } from '../base/ids.ts';
import { RESERVED_NAMES, slugName } from '../protocol/names.ts';
import { CHANNELS, parseMessagePath } from '../protocol/paths.ts';
import type { Repository, SettledPart } from './repository.ts';
import type { Exists } from './standing-paths.ts';

interface Range {
  readonly from: Oid | null;
  readonly to: Oid;
  readonly settled?: SettledPart | null;
}

/** Of files of whole folders, those that need not be read. */
export type JudgeSettled = (
  written: readonly { readonly path: string }[],
) => Promise<(path: string) => boolean>;

/**
 * What stands in the settled part and is a reply, or has one: such a message is as old as to be
 * stale, anyone who of its recipients has not answered, and such a reply is as old as to wake
 * nobody. A message that nobody has answered is read, however old: it may be a run, or something
 * for a person. What a partial cache lacks of it is fetched at once, as it is read piece by piece.
 */
export async function createSettled(
  repository: Repository,
  range: Range,
  exists: Exists,
): Promise<JudgeSettled> {
  const { from, to, settled } = range;
  if (from !== null || settled == null) return () => Promise.resolve(() => false);
  const fresh = new Set(
    (await repository.diff({ from: settled.commit, to, under: CHANNELS })).map(({ path }) => path),
  );
  const judge: JudgeSettled = async (written) => {
    const replies = written.flatMap(({ path }) => {
      const original = parseMessagePath(path)?.replyTo?.path;
      return original === undefined || fresh.has(path) ? [] : [{ path, original }];
    });
    const standing = await exists(replies.map(({ original }) => original));
    const closed = new Set<string>();
    for (const { path, original } of replies) {
      if (!standing.has(original)) continue;
      closed.add(path);
      if (!fresh.has(original)) closed.add(original);
    }
    return (path) => closed.has(path);
  };
  if (settled.isPartial) await bringUnsettled(repository, range, judge);
  return judge;
}

/**
 * Who has committed in the settled part under a name that is not a model's: as `from:` would have
 * told, which is not read.
 */
export function peopleOf(
  { settled }: Pick<Range, 'settled'>,
  models: ReadonlySet<string>,
): readonly string[] {
  const names = [...(settled?.authors ?? [])].map((author) => slugName(author, 'someone'));
  return [...new Set(names)].filter((name) => !models.has(name) && !RESERVED_NAMES.includes(name));
}

async function bringUnsettled(
  repository: Repository,
  { from, to }: Range,
  judge: JudgeSettled,
): Promise<void> {
  const wanted: Oid[] = [];
  for await (const changes of repository.walk({ from, to, under: CHANNELS })) {
    const isSettled = await judge(changes.filter(({ kind }) => kind === 'written'));
    for (const change of changes)
      if (
        change.kind === 'written' &&
        change.entry === 'file' &&
        parseMessagePath(change.path) !== null &&
        !isSettled(change.path)
      )
        wanted.push(change.blob);
  }
  await repository.bringBlobs(wanted);
}
