/**
 * What a remote lets us do, found by trying: refs outside refs/heads, and all-or-nothing pushes.
 * Leaves nothing behind.
 */
import { type RefUpdate, type Repository } from '../../transport/repository.ts';
import type { RemoteTraits } from '../../protocol/remote-traits.ts';
import { refRoot } from '../../protocol/paths.ts';

/** Tries both on its own refs. Null when the remote takes no pushes at all; `line` says why. */
export async function probeRemote(
  repository: Repository,
  nonce: string,
): Promise<RemoteTraits | { readonly refusal: string }> {
  const record = await repository.writeRecord(JSON.stringify({ v: 1, probe: nonce }));
  const at = (root: string, name: string): string => `${root}/probe/${nonce}-${name}`;
  const attempt = async (root: string, atomic: boolean): Promise<string | null> => {
    const updates: readonly RefUpdate[] = ['a', 'b'].map((name) => ({
      ref: at(root, name),
      expected: null,
      next: record,
    }));
    const pushed = await repository.push(updates, { atomic });
    const refusal =
      pushed.kind === 'unknown'
        ? pushed.failure.line
        : (updates.flatMap(({ ref }) => reasonOf(pushed.refs.get(ref)))[0] ??
          (await findHidden(repository, updates)));
    const made =
      pushed.kind === 'unknown'
        ? []
        : updates.filter(({ ref }) => pushed.refs.get(ref)?.kind === 'landed');
    if (made.length > 0)
      await repository.push(
        made.map(({ ref }) => ({ ref, expected: record, next: null })),
        { atomic: false },
      );
    return refusal;
  };
  if ((await attempt(refRoot(true), true)) === null) return { customRefs: true, atomic: true };
  if ((await attempt(refRoot(true), false)) === null) return { customRefs: true, atomic: false };
  if ((await attempt(refRoot(false), true)) === null) return { customRefs: false, atomic: true };
  const refusal = await attempt(refRoot(false), false);
  return refusal === null ? { customRefs: false, atomic: false } : { refusal };
}

/** How often a server that answers from copies is asked before it is taken at its word. */
const LOOKS = 3;

/** What was taken has to be shown: some servers hide refs. Null when it is. */
async function findHidden(
  repository: Repository,
  updates: readonly RefUpdate[],
): Promise<string | null> {
  for (let looks = 0; looks < LOOKS; looks += 1) {
    const listed = await repository.listRefs(updates.map(({ ref }) => ref));
    if (listed.kind === 'unreachable') return listed.failure.line;
    if (updates.every(({ ref, next }) => listed.value.refs.get(ref) === next)) return null;
  }
  return 'it takes refs and does not show them (uploadpack.hideRefs, transfer.hideRefs)';
}

function reasonOf(
  result: { readonly kind: string; readonly line?: string } | undefined,
): readonly string[] {
  if (result?.kind === 'landed') return [];
  return [result?.line ?? 'the ref was not taken'];
}
