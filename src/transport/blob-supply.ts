/**
 * Fetches contents that a partial cache lacks when they are read, all that is needed at once in one
 * request. Git's own way, one fetch per missing object, is never used (see `PARTIAL` in
 * git-cache.ts).
 */
import { CrosstalkError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import type { GitCache } from './git-cache.ts';
import type { GitRemote } from './git-remote.ts';
import type { ObjectReader } from './object-reader.ts';

export interface BlobSupply {
  /**
   * Resolves when all of them are in the cache that the remote still has. At once when the cache is
   * whole. Throws REMOTE_UNREACHABLE.
   */
  bring(oids: readonly Oid[]): Promise<void>;
}

interface SupplyParts {
  readonly reader: Pick<ObjectReader, 'missing'>;
  readonly remote: Pick<GitRemote, 'fetchBlobs'>;
  readonly cache: Pick<GitCache, 'isPartial' | 'unlockPacks'>;
}

/** The supply of one cache. */
export function createBlobSupply({ reader, remote, cache }: SupplyParts): BlobSupply {
  let waiting: { readonly oids: Set<Oid>; readonly brought: Promise<void> } | null = null;
  let last: Promise<void> = Promise.resolve();

  const fetch = async (oids: ReadonlySet<Oid>): Promise<void> => {
    const lacking = await reader.missing([...oids]);
    if (lacking.length === 0) return;
    const fetched = await remote.fetchBlobs(lacking);
    cache.unlockPacks();
    if (fetched.kind === 'unreachable')
      throw new CrosstalkError(
        'REMOTE_UNREACHABLE',
        `older contents, which this partial cache lacks, cannot be fetched now: ${fetched.failure.line}`,
      );
  };
  return {
    bring: (oids) => {
      if (oids.length === 0 || !cache.isPartial()) return Promise.resolve();
      if (waiting === null) {
        const wanted = new Set<Oid>();
        // Anyone who asks while one conversation is under way shares the next one.
        const brought = last
          .catch(() => undefined)
          .then(() => new Promise(setImmediate))
          .then(() => {
            waiting = null;
            return fetch(wanted);
          });
        waiting = { oids: wanted, brought };
        last = brought;
      }
      for (const oid of oids) waiting.oids.add(oid);
      return waiting.brought;
    },
  };
}
