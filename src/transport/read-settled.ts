/**
 * What of a long history a partial cache need not know by its contents: who answered what stands in
 * the paths.
 */
import type { Oid } from '../base/ids.ts';
import { RESERVED_NAMES, slugName } from '../protocol/names.ts';
import { CHANNELS, parseMessagePath } from '../protocol/paths.ts';
import type { Repository, SettledPart, TreeChange } from './repository.ts';

interface Range {
  readonly from: Oid | null;
  readonly to: Oid;
  readonly models: readonly string[];
  readonly settled?: SettledPart | null;
}

/**
 * What stands in the settled part and is a reply, or has one: such a message is as old as to be
 * stale, whoever of its recipients has not answered, and such a reply is as old as to wake nobody.
 * A message that nobody has answered is read, however old: it may be a run, or something for a
 * person.
 */
export async function judgeSettled(
  repository: Repository,
  { from, to, settled }: Range,
  written: readonly { readonly path: string }[],
): Promise<(path: string) => boolean> {
  if (from !== null || settled == null) return () => false;
  const fresh = new Set(
    (await repository.diff({ from: settled.commit, to, under: CHANNELS })).map(({ path }) => path),
  );
  const standing = new Set(written.map(({ path }) => path));
  const closed = new Set<string>();
  for (const { path } of written) {
    const original = parseMessagePath(path)?.replyTo?.path;
    if (original === undefined || fresh.has(path) || !standing.has(original)) continue;
    closed.add(path);
    if (!fresh.has(original)) closed.add(original);
  }
  return (path) => closed.has(path);
}

/**
 * Who has committed in the settled part under a name that is no model's: as `from:` would have
 * told, which is not read.
 */
export function peopleOf({ settled, models }: Range): readonly string[] {
  const names = [...(settled?.authors ?? [])].map((author) => slugName(author, 'someone'));
  return [...new Set(names)].filter(
    (name) => !models.includes(name) && !RESERVED_NAMES.includes(name),
  );
}

/** Has what will be read of a whole tree fetched at once: it is read piece by piece. */
export function bringUnsettled(
  repository: Repository,
  written: readonly Extract<TreeChange, { kind: 'written' }>[],
  isSettled: (path: string) => boolean,
): Promise<void> {
  const wanted = written.filter(
    ({ path, entry }) => entry === 'file' && parseMessagePath(path) !== null && !isSettled(path),
  );
  return repository.bringBlobs(wanted.map(({ blob }) => blob));
}
