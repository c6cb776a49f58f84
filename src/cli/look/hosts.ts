/**
 * `crosstalkd hosts`: every host that has shown itself, what it serves, how busy it is, and what is
 * in its hands.
 */
import { systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { CrosstalkError, ERROR_CODES } from '../../base/errors.ts';
import { shellWord } from '../../base/shell-word.ts';
import { messageId } from '../../protocol/paths.ts';
import { given, type Invocation } from '../command.ts';
import { liveHosts } from './host-opinions.ts';
import { type HostSeen, lookToAct, type Surroundings } from './look-around.ts';
import { formatJson, type Io, paint, plain } from '../io.ts';
import { shortId } from './short-id.ts';
import { lineOfHost } from './status.ts';

/** All hosts. Exit 3 when none has shown itself. */
export async function showHosts(invocation: Invocation): Promise<number> {
  const around = await lookToAct(invocation);
  try {
    if (given(invocation, 'json')) invocation.io.print(formatJson(describeHosts(around)));
    else if (around.hosts.length === 0)
      throw new CrosstalkError('NOT_FOUND', 'no host has shown itself on this transport', {
        fix: 'crosstalkd run',
      });
    else for (const host of around.hosts) print(invocation.io, host, around);
    return around.hosts.length === 0 ? ERROR_CODES.NOT_FOUND.exit : 0;
  } finally {
    await around.session.close();
  }
}

/** Every host as one object, as `--json` prints it. */
export function describeHosts(around: Surroundings) {
  const live = new Set(liveHosts(around));
  return {
    ok: true,
    health: around.hosts.every((host) => live.has(host)) ? 'good' : 'degraded',
    hosts: around.hosts.map((host) => ({
      alias: host.alias,
      instance: host.instance,
      is_this_host: host.instance === around.here?.instance,
      silent: !live.has(host),
      beat: host.beat,
      age_ms_by_its_own_clock: host.ageMs,
      claims: host.claims.map(({ key, claim }) => ({
        key,
        message: claim?.message,
        model: claim?.recipient,
        attempt: claim?.attempt,
      })),
    })),
  };
}

function print(io: Io, host: HostSeen, around: Surroundings): void {
  const { beat } = host;
  io.print(plain(lineOfHost(host, around)));
  io.print(
    paint(
      io,
      'dim',
      plain(`    instance ${host.instance}${beat === null ? '' : `, version ${beat.version}`}`),
    ),
  );
  for (const { model, why, untilMs } of beat?.blocked ?? []) {
    const left = untilMs === null ? null : untilMs - systemClock.wallMs();
    if (left === null || left > 0)
      io.print(
        plain(`    ${model} rests${left === null ? '' : ` for ${formatDuration(left)}`}: ${why}`),
      );
  }
  for (const { claim } of host.claims)
    if (claim !== null)
      io.print(
        plain(
          `    holds ${shortId(claim.message)} for ${claim.recipient}${claim.attempt > 1 ? `, attempt ${claim.attempt}` : ''}`,
        ),
      );
  if (!liveHosts(around).includes(host))
    for (const { claim } of host.claims.slice(0, 1))
      if (claim !== null)
        io.print(plain(`    crosstalkd why ${shellWord(messageId(claim.message))}`));
}
