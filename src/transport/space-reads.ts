/**
 * A repository that spaces its reads of the remote: where all hosts share a limit, each has its
 * part of every second.
 */
import type { Clock } from '../base/clock.ts';
import type { Repository } from './repository.ts';

/** How far apart reads begin, in milliseconds; 0 = as they come. Its owner changes it. */
export interface ReadSpacing {
  gapMs: number;
}

/** The repository with `listRefs` and `fetch` in line, a gap after each other. */
export function spaceReads(
  repository: Repository,
  { clock, spacing }: { readonly clock: Clock; readonly spacing: ReadSpacing },
): Repository {
  let nextMs = Number.NEGATIVE_INFINITY;
  const inLine = async <T>(read: () => Promise<T>): Promise<T> => {
    const nowMs = clock.monotonicMs();
    const startMs = Math.max(nowMs, nextMs);
    nextMs = startMs + spacing.gapMs;
    if (startMs > nowMs) await clock.sleep(startMs - nowMs);
    return read();
  };
  return {
    ...repository,
    listRefs: (prefixes) => inLine(() => repository.listRefs(prefixes)),
    fetch: (want) => inLine(() => repository.fetch(want)),
  };
}
