/**
 * What wakes the dispatcher beside its own pace: the watched files of a remote on this machine, and
 * calls that say "look now".
 */
import { MINUTE, systemClock } from '../../base/clock.ts';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import type { Dispatcher } from '../../dispatcher/dispatcher.ts';
import { hint, loseWatch, trustWatch } from '../../dispatcher/wake-up.ts';
import { isLoopback, listenForWakes, type WakeListener } from '../../local/wake-listener.ts';
import { makeSecretCommand, readWakeSecret } from '../../local/wake-secret.ts';
import { parseListenAddress } from '../../protocol/wake-address.ts';
import { findWatchPlace, type RemoteWatch, watchRemote } from '../../transport/watch-remote.ts';
import type { Invocation } from '../command.ts';
import { gitOf, type TransportSession } from '../session/transport-session.ts';

export interface WakeSources {
  close(): Promise<void>;
}

/** How often a new watch is tried after one has ended. */
const WATCH_AGAIN_MS = MINUTE;

/**
 * Opens every source that this host has. Throws CONFIG_INVALID for a place where nobody may listen
 * without a secret; anything else that fails is told, and the pace stays.
 */
export async function openWakeSources(
  session: TransportSession,
  dispatcher: Dispatcher,
  invocation: Invocation,
): Promise<WakeSources> {
  const listener = await openListener(session, dispatcher, invocation);
  const watch = await openWatch(session, dispatcher);
  return {
    close: async () => {
      watch.close();
      await listener?.close();
    },
  };
}

async function openListener(
  session: TransportSession,
  dispatcher: Dispatcher,
  { env }: Invocation,
): Promise<WakeListener | null> {
  const { config, configDirectory } = session;
  const at = config.listen === null ? null : parseListenAddress(config.listen);
  if (at === null) return null;
  const secret = await readWakeSecret(env, configDirectory);
  if (secret === null && !isLoopback(at))
    throw new CrosstalkError(
      'CONFIG_INVALID',
      `listen: ${at.host} can be reached from other machines, and no secret is set; expected CROSSTALK_WAKE_SECRET or a file wake-secret.`,
      { fix: makeSecretCommand(configDirectory) },
    );
  const { log } = dispatcher.doors;
  try {
    const listener = await listenForWakes({
      at,
      secret,
      clock: systemClock,
      onWake: () => hint(dispatcher, 'webhook'),
      onRefused: (why) =>
        log.warning('wake.refused', {
          why,
          next: 'further refusals are not logged for a minute',
        }),
    });
    log.status('wake.listening', { where: listener.at, secret: secret !== null });
    return listener;
  } catch (error) {
    log.warning('wake.unavailable', {
      where: config.listen,
      reason: errorText(error),
      next: 'continues without it; polls at the usual pace',
    });
    return null;
  }
}

async function openWatch(session: TransportSession, dispatcher: Dispatcher): Promise<RemoteWatch> {
  if (!session.config.watch) return { close: () => undefined };
  const git = gitOf(session);
  const place = await findWatchPlace(git, session.located.url).catch(
    (error: unknown) => ({ kind: 'unreliable', why: errorText(error) }) as const,
  );
  await git.close();
  if (place.kind === 'unreliable') loseWatch(dispatcher, place.why);
  return place.kind === 'here'
    ? keepWatching(session, dispatcher, place.gitDir)
    : { close: () => undefined };
}

/**
 * A watch that is begun again when it has ended, because a remote may be moved away and come back.
 */
function keepWatching(
  { branch, refs }: TransportSession,
  dispatcher: Dispatcher,
  gitDir: string,
): RemoteWatch {
  const current: { watch: RemoteWatch | null; timer: NodeJS.Timeout | null; told: boolean } = {
    watch: null,
    timer: null,
    told: false,
  };
  const again = (why: string): void => {
    if (!current.told) loseWatch(dispatcher, why);
    Object.assign(current, {
      watch: null,
      told: true,
      timer: setTimeout(begin, WATCH_AGAIN_MS).unref(),
    });
  };
  const begin = (): void => {
    try {
      current.watch = watchRemote({
        gitDir,
        branchRef: `refs/heads/${branch}`,
        prefixes: [refs.claims, refs.hosts, refs.control],
        onChange: () => hint(dispatcher, 'watch'),
        onLost: again,
      });
      current.told = false;
      trustWatch(dispatcher, gitDir);
      // What changed before the watch began was announced by nobody.
      hint(dispatcher, 'watch');
    } catch (error) {
      again(errorText(error));
    }
  };
  begin();
  return {
    close: () => {
      if (current.timer !== null) clearTimeout(current.timer);
      current.watch?.close();
    },
  };
}
