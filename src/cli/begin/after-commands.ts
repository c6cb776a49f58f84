/**
 * A dispatcher that starts while a command has the state of this host, such as one that answers its
 * own message: the command ends soon, and nobody may be there to start the dispatcher again.
 */
import { systemClock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { isHeld, readLock } from '../../local/lock.ts';

const LOOK_MS = 200;

interface Waiting {
  /** The state directory. */
  readonly directory: string;
  readonly stop: AbortSignal;
  readonly log: Log;
}

/**
 * What `open` gives once no command has the state; null when it was told to stop before. Throws
 * HELD_BY_ANOTHER for another dispatcher.
 */
export async function afterCommands<T>(
  open: () => Promise<T>,
  { directory, stop, log }: Waiting,
): Promise<T | null> {
  for (let isTold = false; !stop.aborted; isTold = true) {
    try {
      return await open();
    } catch (error) {
      if (!isHeld(error)) throw error;
      const lock = await readLock(directory);
      if (lock.kind === 'held' && !lock.holder.brief) throw error;
      if (lock.kind === 'held' && !isTold)
        log.status('state.busy', {
          pid: lock.holder.pid,
          next: 'a command works with the state of this host; the dispatcher starts when it ends',
        });
      await systemClock.sleep(LOOK_MS, stop);
    }
  }
  return null;
}
