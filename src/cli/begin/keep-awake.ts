/** Agents whose attempts keep this machine from going to sleep. */
import type { Agents } from '../../agents/agent.ts';
import type { WakeLock } from '../../local/wake-lock.ts';

/** The same agents; the lock is held while one of them runs. */
export function keepAwake(agents: Agents, lock: WakeLock): Agents {
  return {
    run: async (request) => {
      lock.hold();
      try {
        return await agents.run(request);
      } finally {
        lock.release();
      }
    },
  };
}
