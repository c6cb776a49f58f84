/**
 * A repository that spaces its reads of the remote: where all hosts share a limit, each has its
 * part of every second.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Repository } from './repository.ts';

/** How far apart reads begin, in milliseconds; 0 = as they come. Its owner changes it. */
export interface ReadSpacing {
  gapMs: number;
}

/** Where reads stand in line, from whichever cache they are made. */
export interface ReadLine extends ReadSpacing {
  /** Begins a read when those before it, and a gap after each, are over. */
  readonly inLine: <T>(read: () => Promise<T>) => Promise<T>;
}

/**
 * A line in which nobody stands, without a gap. With one the first read waits for a part of it:
 * hosts that are started together, as after a power cut, would read together.
 */
export function createReadLine(clock: Clock, random: Random): ReadLine {
  let nextMs: number | null = null;
  const line: ReadLine = {
    gapMs: 0,
    inLine: async (read) => {
      const nowMs = clock.monotonicMs();
      nextMs ??= line.gapMs === 0 ? nowMs : nowMs + random.next() * line.gapMs;
      const startMs = Math.max(nowMs, nextMs);
      nextMs = startMs + line.gapMs;
      if (startMs > nowMs) await clock.sleep(startMs - nowMs);
      return read();
    },
  };
  return line;
}

/** The repository with `listRefs` and `fetch` in line, a gap after each other. */
export function spaceReads(repository: Repository, { inLine }: ReadLine): Repository {
  return {
    ...repository,
    listRefs: (prefixes, along) => inLine(() => repository.listRefs(prefixes, along)),
    fetch: (want) => inLine(() => repository.fetch(want)),
  };
}
