/**
 * Opens a transport for a dispatcher, which nobody may be there to start again: while the remote is
 * away, or takes no more calls for now, it waits and tries again.
 */
import { formatDuration } from '../../base/duration.ts';
import type { Doors } from '../../dispatcher/dispatcher.ts';
import { outageMs } from '../../dispatcher/refused-work.ts';
import { DEFAULTS } from '../../local/config.ts';
import { isPassing } from '../session/remote-errors.ts';
import { CAREFUL_GAP_MS } from '../session/transport-session.ts';

/** How it waits, and what it tells. */
export interface Patience extends Pick<Doors, 'spacing' | 'clock' | 'random' | 'log'> {
  readonly stop: AbortSignal;
}

/**
 * What `open` gives, as soon as it does; null when it was told to stop before. Throws what a person
 * must fix.
 */
export async function openPatiently<T>(
  open: () => Promise<T>,
  { spacing, clock, random, log, stop }: Patience,
): Promise<T | null> {
  for (let failures = 1; !stop.aborted; failures += 1) {
    try {
      const opened = await open();
      if (failures > 1) log.status('remote.reached', {});
      return opened;
    } catch (error) {
      if (!isPassing(error)) throw error;
      const isLimited = error.failure.reason === 'limited';
      if (isLimited) spacing.gapMs = Math.max(spacing.gapMs, CAREFUL_GAP_MS);
      const waitMs = outageMs({ failures, isLimited, pollMsMin: DEFAULTS.intervalMinMs });
      // Jitter keeps hosts that started together from trying together for ever.
      const restMs = Math.ceil(waitMs * (0.75 + 0.5 * random.next()));
      log.warning('remote.unreachable', {
        reason: error.message,
        next: `nothing is read or run yet; retries in ${formatDuration(restMs)}`,
      });
      await clock.sleep(restMs, stop);
    }
  }
  return null;
}
