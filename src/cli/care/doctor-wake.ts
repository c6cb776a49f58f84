/** What `doctor` says of the ways in which this host is woken. */
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { isLoopback } from '../../local/wake-listener.ts';
import { makeSecretCommand, readWakeSecret } from '../../local/wake-secret.ts';
import { parseListenAddress } from '../../protocol/wake-address.ts';
import { findWatchPlace } from '../../transport/watch-remote.ts';
import type { Invocation } from '../command.ts';
import { type Finding, fine, trouble } from './finding.ts';
import type { Surroundings } from '../look/look-around.ts';
import { gitOf, type TransportSession } from '../session/transport-session.ts';
import { andThen, fixBy } from '../../base/fix.ts';

/** Findings about watching, listening and calling. */
export async function examineWakes(
  invocation: Invocation,
  { session, here }: Surroundings,
): Promise<readonly Finding[]> {
  const calls = await examineCalls(invocation, session);
  const watch = await describeWatch(session);
  const unwatched = here !== null && watch.expected && here.wakes?.watched === false;
  return [
    unwatched
      ? trouble('warn', 'watch', {
          says: 'the dispatcher here polls the remote',
          fix: andThen(fixBy`crosstalkd stop`, fixBy`crosstalkd run`),
        })
      : fine('watch', watch.says),
    ...calls,
  ];
}

async function describeWatch(
  session: TransportSession,
): Promise<{ readonly expected: boolean; readonly says: string }> {
  if (!session.config.watch)
    return { expected: false, says: '"watch" is off; the remote is polled' };
  const git = gitOf(session);
  try {
    const place = await findWatchPlace(git, session.located.url);
    if (place.kind === 'here')
      return { expected: true, says: `the files of ${place.gitDir} are watched` };
    return {
      expected: false,
      says:
        place.kind === 'remote'
          ? 'the remote is on another machine and is polled'
          : `${place.why}; the remote is polled`,
    };
  } finally {
    await git.close();
  }
}

async function examineCalls(
  { env }: Invocation,
  { config, configDirectory }: TransportSession,
): Promise<readonly Finding[]> {
  const at = config.listen === null ? null : parseListenAddress(config.listen);
  const fix = makeSecretCommand(configDirectory);
  try {
    const secret = await readWakeSecret(env, configDirectory);
    const found: Finding[] = [];
    if (at !== null && secret === null && !isLoopback(at)) {
      const says = `${at.host} can be reached by others, and no secret is set`;
      found.push(trouble('bad', 'listen', { says, fix }));
    } else if (at !== null) {
      const from = secret === null ? ', from anybody on this machine' : ', with the secret';
      found.push(fine('listen', `accepts calls at ${String(config.listen)}${from}`));
    }
    if (config.wakePeers.length > 0)
      found.push(
        secret === null
          ? trouble('bad', 'wake-peers', { says: 'no secret is set to sign calls with', fix })
          : fine('wake-peers', `may call ${config.wakePeers.join(', ')}`),
      );
    // An address that nobody listens at makes every other host call in vain.
    if (config.wakeAddress !== null && at === null)
      found.push(
        trouble('warn', 'wake-address', {
          says: `the beat says ${config.wakeAddress}, and this host does not listen`,
          fix: fixBy`crosstalkd run --listen 0.0.0.0:7420`,
        }),
      );
    return found;
  } catch (error) {
    if (!(error instanceof CrosstalkError)) throw error;
    return [trouble('bad', 'wake-secret', { says: errorText(error), fix: error.fix })];
  }
}
