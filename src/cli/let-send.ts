/** Lets the agents of models with `may-send: true` find their way back to the transport with `crosstalkd send`. The others learn nothing of it. */
import type { Agents } from '../agents/agent.ts';
import { stateRoot } from '../local/state-directory.ts';
import { type Invocation, option } from './command.ts';
import type { TransportSession } from './transport-session.ts';

/** The same agents; those that may send get what `send` and the reading commands need in their environment. */
export function letSend(agents: Agents, session: TransportSession, invocation: Invocation): Agents {
  const configDirectory = invocation.env['CROSSTALK_CONFIG_DIR'];
  const way = {
    CROSSTALK_SEND: '1',
    // A clone knows its branch; an address means the remote's default one, which is what this dispatcher serves then.
    CROSSTALK_TRANSPORT: session.located.clone ?? session.located.url,
    CROSSTALK_ALIAS: session.config.alias,
    CROSSTALK_STATE_DIR: stateRoot(option(invocation, 'state'), invocation.env),
    ...(configDirectory === undefined ? {} : { CROSSTALK_CONFIG_DIR: configDirectory }),
  };
  return {
    run: (request) => agents.run(request.entry.maySend ? { ...request, extraEnv: { ...request.extraEnv, ...way } } : request),
  };
}
