/** A remote that does not answer is told while a person waits: git itself says nothing. */
import { type Clock, SECOND, systemClock } from '../../base/clock.ts';
import type { ReadLine } from '../../transport/space-reads.ts';
import { shownUrl } from '../../transport/remote-url.ts';
import type { Io } from '../io.ts';

const SILENT_MS = 5 * SECOND;

/** Does something with a remote; what waits for it is told once, however often it is used. */
export type TellWaits = <T>(act: () => Promise<T>) => Promise<T>;

/** For the remote at an address. */
export function tellWaits(
  io: Pick<Io, 'warn'>,
  url: string,
  clock: Pick<Clock, 'sleep'> = systemClock,
): TellWaits {
  let isTold = false;
  return async (act) => {
    const end = new AbortController();
    void clock.sleep(SILENT_MS, end.signal).then(() => {
      if (end.signal.aborted || isTold) return;
      isTold = true;
      io.warn(`waiting for ${shownUrl(url)}, which has not answered yet (Ctrl-C ends it)`);
    });
    try {
      return await act();
    } finally {
      end.abort();
    }
  };
}

/** The line of reads in which each tells. */
export function tellInLine(line: ReadLine, tell: TellWaits): ReadLine {
  const { inLine } = line;
  return Object.assign(line, { inLine: <T>(read: () => Promise<T>) => inLine(() => tell(read)) });
}
