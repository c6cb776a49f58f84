/**
 * Lets the agents of models with `may-send` find their way back to the transport with
 * `crosstalkd send`. Those with `permissions` find the program, to ask with it; the others learn
 * nothing of it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { shellWord } from '../../base/shell-word.ts';
import type { Agents } from '../../agents/agent.ts';
import { stateRoot } from '../../local/state-directory.ts';
import { formatMaySend } from '../../protocol/admission.ts';
import { type Invocation, option } from '../command.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** Where a PATH begins when there is none. */
const PATH_DEFAULT = '/usr/local/bin:/usr/bin:/bin';

/**
 * The same agents; those that may send get what `send` and the reading commands need in their
 * environment.
 */
export function letSend(agents: Agents, session: TransportSession, invocation: Invocation): Agents {
  const configDirectory = invocation.env['CROSSTALK_CONFIG_DIR'];
  const way = {
    // A clone knows its branch; an address means the remote's default one, which is what this
    // dispatcher serves then.
    CROSSTALK_TRANSPORT: session.located.clone ?? session.located.url,
    CROSSTALK_ALIAS: session.config.alias,
    CROSSTALK_STATE_DIR: stateRoot(option(invocation, 'state'), invocation.env),
    ...(configDirectory === undefined ? {} : { CROSSTALK_CONFIG_DIR: configDirectory }),
  };
  return {
    run: (request) => {
      const recipients = formatMaySend(request.entry.maySend);
      if (recipients === null && request.entry.permissions === null) return agents.run(request);
      const [program = ''] = request.entry.command;
      const places = [
        invocation.env['PATH'] ?? PATH_DEFAULT,
        ...(isAbsolute(program) ? [dirname(program)] : []),
        makeCommand(session, invocation.program),
      ];
      return agents.run({
        ...request,
        extraEnv: {
          ...request.extraEnv,
          ...(recipients === null ? {} : { ...way, CROSSTALK_SEND: recipients }),
          PATH: places.join(delimiter),
        },
      });
    },
  };
}

/**
 * A folder with the command `crosstalkd` that starts this very program: a service has a bare PATH,
 * a checkout is in none.
 */
function makeCommand(session: TransportSession, script: string): string {
  const folder = join(session.directory.path, 'bin');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const text = `#!/bin/sh\nexec ${shellWord(process.execPath)} ${shellWord(script)} "$@"\n`;
    writeFileSync(join(folder, 'crosstalkd'), text, { mode: 0o700 });
  } catch {
    // Without it an installed crosstalkd on the PATH does as well.
  }
  return folder;
}
