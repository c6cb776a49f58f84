/** `crosstalkd run`: this host's dispatcher in the foreground. */
import { createLog, type Log, type LogRecord } from '../base/log.ts';
import { formatIso, systemClock } from '../base/clock.ts';
import { parseDuration } from '../base/duration.ts';
import { DEFAULTS } from '../local/config.ts';
import { ERROR_CODES } from '../base/errors.ts';
import type { ConfigSources } from '../local/decode-config.ts';
import { runDispatcher } from '../dispatcher/loop.ts';
import { given, type Invocation, option } from './command.ts';
import { composeDispatcher } from './compose.ts';
import { type Io, paint, plain } from './io.ts';
import { openSession } from './transport-session.ts';

/** Runs until stopped, or with --once until nothing is left. */
export async function runHost(invocation: Invocation): Promise<number> {
  const log = createRunLog(invocation.io);
  const session = await openSession(invocation, { where: invocation.args[0] ?? null, flags: settingFlags(invocation), unread: true });
  const composed = await composeDispatcher(session, { invocation, log, onOutput: () => undefined });
  const [stop, kill] = [new AbortController(), new AbortController()];
  const onSignal = (): void => (stop.signal.aborted ? kill.abort() : stop.abort());
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    const end = await runDispatcher(composed.dispatcher, { once: given(invocation, 'once'), stop: stop.signal, kill: kill.signal });
    if (end === 'unreachable') return ERROR_CODES.REMOTE_UNREACHABLE.exit;
    return end === 'halted' ? ERROR_CODES.HISTORY_REWRITTEN.exit : 0;
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    await composed.close();
    await session.close();
  }
}

function settingFlags(invocation: Invocation): ConfigSources['flags'] {
  const interval = option(invocation, 'interval');
  return {
    ...textOf('alias', option(invocation, 'alias')),
    ...textOf('only', option(invocation, 'only')),
    ...textOf('concurrency', option(invocation, 'concurrency')),
    ...textOf('intervalMaxMs', interval),
    // A pace faster than the usual shortest one means exactly that.
    ...(interval !== null && (parseDuration(interval) ?? DEFAULTS.intervalMinMs) < DEFAULTS.intervalMinMs
      ? { intervalMinMs: interval }
      : {}),
  };
}

function textOf<K extends string>(key: K, value: string | null): Partial<Record<K, string>> {
  return value === null ? {} : ({ [key]: value } as Record<K, string>);
}

/** One line an event: for people on a terminal, JSON otherwise. */
function createRunLog(io: Io): Log {
  return createLog((record) => {
    if (io.isTerminal) io.print(formatLine(io, record));
    else io.print(JSON.stringify({ at: formatIso(systemClock.wallMs()), level: record.level, event: record.event, ...record.fields }));
  });
}

function formatLine(io: Io, record: LogRecord): string {
  const time = formatIso(systemClock.wallMs()).slice(11, 19);
  const fields = Object.entries(record.fields).map(([key, value]) => `${key}=${plain(String(value))}`);
  const colour = record.level === 'alert' ? 'red' : record.level === 'warning' ? 'yellow' : 'green';
  return `${paint(io, 'dim', time)} ${paint(io, colour, record.event)} ${fields.join(' ')}`;
}
