/**
 * What this host remembers of a session's transport, for commands that write in it: its lock is
 * theirs meanwhile.
 */
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { OnDamage } from '../../local/checked-line.ts';
import { type OpenLocalState, openLocalState } from '../../local/open-local-state.ts';
import { stateRoot } from '../../local/state-directory.ts';
import { type Invocation, option } from '../command.ts';
import type { TransportSession } from './transport-session.ts';

/**
 * Opens it; `brief`: for a command, which a dispatcher that starts meanwhile waits for. Throws
 * HELD_BY_ANOTHER while a dispatcher runs.
 */
export function openState(
  invocation: Invocation,
  session: TransportSession,
  {
    onDamage = () => undefined,
    brief = true,
  }: { readonly onDamage?: OnDamage; readonly brief?: boolean } = {},
): Promise<OpenLocalState> {
  return openLocalState({
    root: stateRoot(option(invocation, 'state'), invocation.env),
    transport: { remoteUrl: session.located.url, rootCommit: session.rootCommit },
    clock: systemClock,
    random: systemRandom,
    alias: session.config.alias,
    onDamage,
    brief,
  });
}
