/**
 * What every command that reads or sends does the same way: open the transport, close it whatever
 * happens, and give one JSON object.
 */
import { resolve } from 'node:path';
import { CrosstalkError } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import { parseDuration } from '../../base/duration.ts';
import { parseIso, systemClock } from '../../base/clock.ts';
import { given, type Invocation, option } from '../command.ts';
import { formatJson, placeFixes } from '../io.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';

/**
 * Opens the transport of an invocation for `act`. An agent's own commands are about the transport
 * it was started from.
 */
export async function withSession(
  invocation: Invocation,
  act: (session: TransportSession) => Promise<number>,
): Promise<number> {
  const fromAgent = invocation.env['CROSSTALK_TRANSPORT'];
  const where =
    fromAgent !== undefined && fromAgent !== '' && option(invocation, 'dir') === null
      ? fromAgent
      : null;
  const session = await openSession(invocation, { where });
  try {
    return await act(session);
  } finally {
    await session.close();
  }
}

/** The commit that a session has read up to. */
export function tipOf(session: TransportSession): Oid {
  const { tip } = session.mirror.index();
  if (tip === null)
    throw new CrosstalkError(
      'NOT_FOUND',
      `${session.located.url} has no commits on branch "${session.branch}"`,
    );
  return tip;
}

/** True when one JSON object is wanted instead of text for people. */
export function wantsJson(invocation: Invocation): boolean {
  return given(invocation, 'json');
}

/** Prints the one object of a command, with `ok` and `health`. */
export function printJson({ io }: Pick<Invocation, 'io'>, result: object): void {
  io.print(formatJson(placeFixes(result, io.at)));
}

/** The object of what went well. */
export function printGood(invocation: Pick<Invocation, 'io'>, facts: object): void {
  printJson(invocation, { ok: true, health: 'good', ...facts });
}

/** What went well: `facts` with `--json`, else the lines that `say` gives. */
export function printDone(
  invocation: Invocation,
  facts: object,
  say: () => string | readonly string[],
): void {
  if (wantsJson(invocation)) printGood(invocation, facts);
  else for (const line of [say()].flat()) invocation.io.print(line);
}

/** A whole number given as an option, or `fallback`. Throws USAGE for anything else. */
export function countOption(invocation: Invocation, name: string, fallback: number): number {
  const text = option(invocation, name);
  if (text === null) return fallback;
  if (/^\d{1,7}$/.test(text) && Number(text) > 0) return Number(text);
  throw new CrosstalkError('USAGE', `--${name} "${text}": expected a whole number above zero`);
}

/**
 * A span of time given as `90s`, `30m`, `2h` or a bare number of seconds. Throws USAGE for anything
 * else.
 */
export function durationValue(text: string, what: string): number {
  const ms = parseDuration(text);
  if (ms !== null && ms > 0) return ms;
  throw new CrosstalkError(
    'USAGE',
    `${what} "${text}": expected seconds or a duration such as 90s, 30m or 2h`,
  );
}

/** The moment that `--since` names: a time, a day, or how long ago. Null when it was not given. */
export function sinceOption(invocation: Invocation): number | null {
  const text = option(invocation, 'since');
  if (text === null) return null;
  const at = parseIso(text);
  if (at !== null) return at;
  const ago = parseDuration(text);
  if (ago !== null) return systemClock.wallMs() - ago;
  throw new CrosstalkError(
    'USAGE',
    `--since "${text}": expected a time such as 2026-11-21 or 2026-11-21T06:40Z, or how long ago: 2h, 7d`,
  );
}

/** The directory that a command works in: where it was started, or what -C says. */
export function startDirectory(invocation: Invocation): string {
  return resolve(invocation.cwd, option(invocation, 'dir') ?? '.');
}
