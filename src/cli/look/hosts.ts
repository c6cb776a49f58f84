/**
 * `crosstalkd hosts`: every host that has shown itself, what it serves, how busy it is, and what is
 * in its hands.
 */
import { snakeKeys } from '../../base/snake-keys.ts';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError, ERROR_CODES } from '../../base/errors.ts';
import { fixBy } from '../../base/fix.ts';
import { messageId } from '../../protocol/paths.ts';
import { fixOf } from '../../protocol/remedy.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import type { Invocation } from '../command.ts';
import { doubtOf, liveHosts, namesakesOf } from './host-opinions.ts';
import { type HostSeen, type Surroundings, withRemote } from './look-around.ts';
import { type Io, paint, plain, printFix } from '../io.ts';
import { printJson, wantsJson } from './reading.ts';
import { shortId } from './short-id.ts';
import { lineOfHost, stateOf } from './status.ts';

/** All hosts. Exit 3 when none has shown itself. */
export function showHosts(invocation: Invocation): Promise<number> {
  return withRemote(invocation, (around) => {
    if (wantsJson(invocation)) printJson(invocation, snakeKeys(describeHosts(around)));
    else if (around.hosts.length === 0)
      throw new CrosstalkError('NOT_FOUND', 'no host has been seen on this transport', {
        fix: 'crosstalkd run',
      });
    else for (const host of around.hosts) print(invocation.io, host, around);
    return around.hosts.length === 0 ? ERROR_CODES.NOT_FOUND.exit : 0;
  });
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
      state: stateOf(host, around),
      silent: host.silent,
      suspect: doubtOf(around, host)?.kind === 'host-suspect',
      beat: host.beat,
      age_ms_by_its_own_clock: host.ageMs,
      claims: host.claims.map(({ key, claim }) => ({
        key,
        message: claim?.message ?? null,
        model: claim?.recipient ?? null,
        attempt: claim?.attempt ?? null,
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
  const nowMs = systemClock.wallMs();
  for (const { model, why, untilMs } of beat?.blocked ?? []) {
    const forMs = untilMs === null ? null : untilMs - nowMs;
    if (forMs !== null && forMs <= 0) continue;
    const at = host.instance === around.here?.instance ? null : host.alias;
    const rest = { kind: 'rests', model, host: at, forMs, why } as const;
    io.print(plain(`    ${sayReason(rest)}`));
    printFix(io, fixOf(rest), '      ');
  }
  for (const { claim } of host.claims)
    if (claim !== null)
      io.print(
        plain(
          `    holds ${shortId(claim.message)} for ${claim.recipient}${claim.attempt > 1 ? `, attempt ${claim.attempt}` : ''}`,
        ),
      );
  const namesakes = namesakesOf(around, host);
  if (namesakes !== null) {
    io.print(plain(`    ${sayReason(namesakes)}`));
    printFix(io, fixOf(namesakes), '      ');
  }
  const doubt = doubtOf(around, host);
  if (doubt === null) return;
  io.print(plain(`    ${sayReason(doubt)}`));
  const [held] = host.claims.flatMap(({ claim }) => claim ?? []);
  printFix(
    io,
    held === undefined ? fixOf(doubt) : fixBy`crosstalkd why ${messageId(held.message)}`,
    '      ',
  );
}
