/**
 * Gives the event loop its turn in the midst of long work, so that signals, timers and sockets are
 * heard whatever somebody has pushed. Work is counted in steps or bytes, never by a clock.
 */
export type Turns = (work: number) => Promise<void> | null;

/**
 * Tell it of work done; after each `workMax` of it the others have their turn, which must be
 * waited for. Null: not yet.
 */
export function createTurns(workMax: number): Turns {
  let done = 0;
  return (work) => {
    done += work;
    if (done < workMax) return null;
    done = 0;
    return new Promise(setImmediate);
  };
}
