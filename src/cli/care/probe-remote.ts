/**
 * What a remote lets us do, found by trying: refs outside refs/heads, and all-or-nothing pushes.
 * Leaves nothing behind.
 */
import { type RefUpdate, type Repository } from '../../transport/repository.ts';
import { mayPass } from '../../transport/git-failure.ts';
import type { RemoteTraits } from '../../protocol/remote-traits.ts';
import { refRoot } from '../../protocol/paths.ts';

/**
 * Tries both on its own refs. `refusal` says, after the remote's name, why nothing can be pushed;
 * `isLost`: twice no answer came, or git had to be stopped, so nobody knows what the remote can do.
 */
export async function probeRemote(
  repository: Repository,
  nonce: string,
): Promise<RemoteTraits | NoPushes> {
  const record = await repository.writeRecord(JSON.stringify({ v: 1, probe: nonce }));
  const attempt = async (customRefs: boolean, atomic: boolean): Promise<Attempt> => {
    const updates: readonly RefUpdate[] = ['a', 'b'].map((name) => ({
      ref: `${refRoot(customRefs)}/probe/${nonce}-${name}`,
      expected: null,
      next: record,
    }));
    const first = await tryPush(repository, updates, atomic);
    return first.kind === 'lost' && !first.isSilent ? tryPush(repository, updates, atomic) : first;
  };
  let refusal = '';
  for (const customRefs of [true, false])
    for (const atomic of [true, false]) {
      const tried = await attempt(customRefs, atomic);
      if (tried.kind === 'taken') return { customRefs, atomic };
      if (tried.kind === 'lost')
        return { refusal: `did not say what became of a push: ${tried.line}`, isLost: true };
      refusal = `rejects pushes: ${tried.line}`;
    }
  return { refusal, isLost: false };
}

interface NoPushes {
  readonly refusal: string;
  readonly isLost: boolean;
}

type Attempt =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly line: string }
  | { readonly kind: 'lost'; readonly line: string; readonly isSilent: boolean };

/** One push of new refs; those that it has made are removed again. */
async function tryPush(
  repository: Repository,
  updates: readonly RefUpdate[],
  atomic: boolean,
): Promise<Attempt> {
  const pushed = await repository.push(updates, { atomic });
  const line =
    pushed.kind === 'unknown'
      ? pushed.failure.line
      : (updates.flatMap(({ ref }) => reasonOf(pushed.refs.get(ref)))[0] ??
        (await findHidden(repository, updates)));
  const made =
    pushed.kind === 'unknown'
      ? await listMade(repository, updates)
      : updates.filter(({ ref }) => pushed.refs.get(ref)?.kind === 'landed');
  if (made.length > 0)
    await repository.push(
      made.map(({ ref, next }) => ({ ref, expected: next, next: null })),
      { atomic: false },
    );
  if (line === null) return { kind: 'taken' };
  return pushed.kind === 'unknown' && mayPass(pushed.failure)
    ? { kind: 'lost', line, isSilent: pushed.failure.reason === 'silent' }
    : { kind: 'refused', line };
}

async function listMade(
  repository: Repository,
  updates: readonly RefUpdate[],
): Promise<readonly RefUpdate[]> {
  const listed = await repository.listRefs(updates.map(({ ref }) => ref));
  if (listed.kind === 'unreachable') return [];
  return updates.filter(({ ref, next }) => listed.value.refs.get(ref) === next);
}

/** How often a server that answers from copies is asked before it is taken at its word. */
const LOOKS = 3;

/** What was taken must be shown: some servers hide refs. Null when it is. */
async function findHidden(
  repository: Repository,
  updates: readonly RefUpdate[],
): Promise<string | null> {
  for (let looks = 0; looks < LOOKS; looks += 1) {
    const listed = await repository.listRefs(updates.map(({ ref }) => ref));
    if (listed.kind === 'unreachable') return listed.failure.line;
    if (updates.every(({ ref, next }) => listed.value.refs.get(ref) === next)) return null;
  }
  return 'it accepts refs and hides them (uploadpack.hideRefs, transfer.hideRefs)';
}

function reasonOf(
  result: { readonly kind: string; readonly line?: string } | undefined,
): readonly string[] {
  if (result?.kind === 'landed') return [];
  return [result?.line ?? 'the ref was not accepted'];
}
