/** Agents that continue only sessions which this host has begun, in the thread where it did. */
import type { Agents } from '../../agents/agent.ts';
import type { Log } from '../../base/log.ts';
import { errorText } from '../../base/errors.ts';
import type { SessionLedger } from '../../local/session-ledger.ts';

/** The same agents; a session that is not known here starts over. */
export function keepSessions(agents: Agents, ledger: SessionLedger, log: Log): Agents {
  return {
    run: async (request) => {
      const message = request.extraEnv['CROSSTALK_MESSAGE'] ?? '';
      const { session, thread = [], entry } = request;
      const use = { model: entry.name, message, thread };
      const isKnown = session !== null && (await ledger.knows({ ...use, session }));
      if (session !== null && !isKnown)
        log.status('session.unknown', { message, model: entry.name });
      const outcome = await agents.run(isKnown ? request : { ...request, session: null });
      if (outcome.kind === 'answered' && outcome.session !== null)
        await ledger
          .note({ model: entry.name, message, session: outcome.session })
          .catch((error: unknown) =>
            log.warning('session.lost', {
              message,
              reason: errorText(error),
              next: 'the next message of the thread begins a new session',
            }),
          );
      return outcome;
    },
  };
}
