/** `crosstalkd run`: this host's dispatcher in the foreground. */
import { basename } from 'node:path';
import { END_SIGNALS } from '../../base/end-signals.ts';
import { createLog, type Log, type LogRecord } from '../../base/log.ts';
import { systemClock } from '../../base/clock.ts';
import { parseDuration } from '../../base/duration.ts';
import { systemRandom } from '../../base/random.ts';
import { DEFAULTS } from '../../local/config.ts';
import { CrosstalkError, ERROR_CODES, errorText } from '../../base/errors.ts';
import { type Dispatcher, wake } from '../../dispatcher/dispatcher.ts';
import { pokeOthers } from '../../dispatcher/poke-others.ts';
import {
  acceptRewrite,
  drainHost,
  pauseHost,
  reportHost,
  resumeHost,
} from '../../dispatcher/control-host.ts';
import type { LocalOp } from '../../local/control.ts';
import { type ControlServer, serveControl } from '../../local/control-server.ts';
import type { ConfigSources } from '../../local/decode-config.ts';
import { openLogFile } from '../../local/log-file.ts';
import { isInBackground } from '../../local/process-identity.ts';
import { runDispatcher } from '../../dispatcher/loop.ts';
import { given, type Invocation, option } from '../command.ts';
import { helpLines, ioWith, plain } from '../io.ts';
import { afterCommands } from './after-commands.ts';
import { composeDispatcher } from './compose.ts';
import { copyBranch } from './copy-branch.ts';
import type { OutputPiece } from './keep-transcripts.ts';
import { runBeside } from './run-beside.ts';
import { listenForKeys } from './run-keys.ts';
import { nameWork } from './name-work.ts';
import { openNotices } from './notify.ts';
import { openSpans } from './otel.ts';
import { openPatiently } from './open-patiently.ts';
import { createRunView } from './run-view.ts';
import { sumCostOfDay } from '../look/reply-totals.ts';
import { openTrace } from './trace-run.ts';
import { openWakeSources, type WakeSources } from './wake-sources.ts';
import { findRenamed, openSession, type TransportSession } from '../session/transport-session.ts';
import { describeUnsent, findUnsent } from '../look/unsent.ts';
import { printJson, wantsJson } from '../look/reading.ts';
import { toKnownError } from '../../local/known-error.ts';
import { createReadLine } from '../../transport/space-reads.ts';
import { fixBy, toFix } from '../../base/fix.ts';

/**
 * Runs until stopped, or with --once until nothing is left: one transport, or several side by side.
 */
export async function runHost(asked: Invocation): Promise<number> {
  // Agents are at work: anyone who reads what is printed may go, the log file has it all.
  asked.io.outliveReaders?.();
  const stopping = listenForSignals();
  const invocation = await inBackground(asked);
  try {
    return await (invocation.args.length > 1
      ? runSeveral(invocation, stopping)
      : runTransport(invocation, { stopping, where: null }));
  } finally {
    stopping.close();
  }
}

/**
 * After `&` the prompt and the keys of the terminal belong to somebody else: events are printed
 * in lines below each other.
 */
async function inBackground(invocation: Invocation): Promise<Invocation> {
  const isBehind = invocation.io.redraws && (await isInBackground());
  return isBehind ? { ...invocation, io: ioWith(invocation.io, { redraws: false }) } : invocation;
}

/**
 * Each as if it ran alone: its own state, slots and log file. What one of them refuses or loses is
 * told, and the others continue.
 */
async function runSeveral(invocation: Invocation, stopping: Stopping): Promise<number> {
  const refused = ['trace', 'listen'].find((name) => given(invocation, name));
  if (refused !== undefined)
    throw new CrosstalkError(
      'USAGE',
      `run: --${refused} works with one transport; ${invocation.args.length} are named`,
      { fix: fixBy`crosstalkd run ${invocation.args[0] ?? 'DIR'} --${refused}` },
    );
  const codes = invocation.args.map(async (where) => {
    try {
      return await runTransport({ ...invocation, args: [where] }, { stopping, where });
    } catch (error) {
      const known = toKnownError(error);
      const { exit, next } = ERROR_CODES[known.code];
      const fix = known.fix ?? toFix(next);
      if (wantsJson(invocation)) {
        const { code, message } = known;
        const told = { code, message: `${where}: ${message}`, fix };
        printJson(invocation, { ok: false, health: 'failed', error: told });
        return exit;
      }
      invocation.io.warn(plain(`${where}: ${known.code}: ${known.message}`));
      if (fix !== null) for (const line of helpLines(invocation.io, fix)) invocation.io.warn(line);
      return exit;
    }
  });
  return Math.max(...(await Promise.all(codes)));
}

interface Side {
  readonly stopping: Stopping;
  /**
   * Its name among the others; null = it is alone, and has the footer and the keys of a terminal.
   */
  readonly where: string | null;
}

async function runTransport(invocation: Invocation, { stopping, where }: Side): Promise<number> {
  const names = { alias: '' };
  const view = createRunView(invocation.io, () =>
    where === null ? names.alias : `${names.alias} ${basename(where, '.git')}`,
  );
  const [events, output] = [createChannel<LogRecord>(), createChannel<OutputPiece>()];
  events.follow((record) =>
    view.show(where === null || invocation.io.isTerminal ? record : ofTransport(record, where)),
  );
  output.follow(view.overhear);
  const log = createLog(events.emit);
  const spacing = createReadLine(systemClock, systemRandom);
  const open = (): Promise<TransportSession> =>
    openSession(invocation, {
      where: invocation.args[0] ?? null,
      flags: settingFlags(invocation),
      unread: true,
      spacing,
    });
  try {
    const { signal: stop } = stopping.stop;
    const parts = { invocation, log, events, output, view, stopping, isAlone: where === null };
    const how = { spacing, log, stop, clock: systemClock, random: systemRandom };
    for (;;) {
      const session = given(invocation, 'once') ? await open() : await openPatiently(open, how);
      if (session === null) return endedBefore(stopping);
      names.alias = session.config.alias;
      const code = await runSession(session, parts).finally(() => session.close());
      if (code !== null) return code;
    }
  } finally {
    view.close();
  }
}

/** The exit status of a dispatcher that was told to stop before it began. */
function endedBefore({ isHungUp }: Stopping): number {
  return isHungUp() ? ERROR_CODES.REFUSED.exit : 0;
}

function ofTransport({ level, event, fields }: LogRecord, transport: string): LogRecord {
  return { level, event, fields: { transport, ...fields } };
}

interface RunParts {
  readonly invocation: Invocation;
  readonly log: Log;
  readonly events: Channel<LogRecord>;
  /** What agents print: for the control socket, and for a terminal that asks. */
  readonly output: Channel<OutputPiece>;
  readonly view: ReturnType<typeof createRunView>;
  readonly stopping: Stopping;
  /** No other transport shares the terminal. */
  readonly isAlone: boolean;
}

/** The exit status; null: to be run again, on the name that the branch has now. */
async function runSession(session: TransportSession, parts: RunParts): Promise<number | null> {
  const { invocation, log, events, view, stopping, isAlone } = parts;
  const trace = openTrace(invocation);
  const spans = openSpans(invocation, { alias: session.config.alias, log });
  const copy = await copyBranch(trace.session(session), log);
  const opened = await afterCommands(
    () => composeDispatcher(copy.session, { invocation, log, onOutput: parts.output.emit }),
    { directory: session.directory.path, stop: stopping.stop.signal, log },
  );
  if (opened === null) return endedBefore(stopping);
  const composed = trace.composed(opened);
  await copy.start();
  events.follow(trace.mark);
  events.follow(spans.take);
  const notices = openNotices(invocation, session, log);
  events.follow(notices.take);
  const file = openLogFile(session.directory.logFile, {
    bytesMax: session.config.logBytesMax,
    clock: systemClock,
    onProblem: ({ message }) => invocation.io.warn(`the log file cannot be written: ${message}`),
  });
  const unfollow = events.follow((record) => file.write(record));
  const control = await listen(session, composed.dispatcher, parts);
  const names = nameWork(session);
  events.follow(names.take);
  view.name(names.of);
  if (isAlone)
    view.follow(
      () => reportHost(composed.dispatcher),
      invocation.io.redraws ? await costOfToday(session) : 0,
    );
  const unhear = !isAlone
    ? () => undefined
    : listenForKeys(invocation.io, {
        dispatcher: composed.dispatcher,
        onQuit: stopping.signal,
        ...view,
        nameOf: names.of,
        command: (words) => runBeside(invocation, session, words),
      });
  await mentionUnsent(session, log);
  const once = given(invocation, 'once');
  let sources: WakeSources | null = null;
  try {
    sources = once ? null : await openWakeSources(session, composed.dispatcher, invocation);
    const end = await runDispatcher(composed.dispatcher, {
      once,
      stop: stopping.stop.signal,
      kill: stopping.kill.signal,
      isRenamed: async () => {
        const now = await findRenamed(invocation, session);
        if (now !== null) log.status('branch.renamed', { was: session.branch, now });
        return now !== null;
      },
    });
    if (end === 'renamed') return null;
    if (end === 'unreachable') return ERROR_CODES.REMOTE_UNREACHABLE.exit;
    // A service starts again what was not ended here: by an order from elsewhere, or by a terminal
    // that was closed under it.
    if (end === 'refused' || end === 'ordered' || stopping.isHungUp())
      return ERROR_CODES.REFUSED.exit;
    return end === 'halted' ? ERROR_CODES.HISTORY_REWRITTEN.exit : 0;
  } finally {
    unhear();
    await sources?.close();
    await notices.close();
    await control?.close();
    await composed.close();
    await copy.close();
    await spans.close();
    unfollow();
    file.close();
    trace.close();
  }
}

const COMMITS_MAX = 2_000;

/**
 * What this host's replies of the day (UTC) say that they have cost, in US dollars, as far as the
 * cache knows.
 */
async function costOfToday({ repository, mirror, config }: TransportSession): Promise<number> {
  const { tip } = mirror.index();
  if (tip === null) return 0;
  const commits = await repository.history({ from: null, to: tip, max: COMMITS_MAX });
  return sumCostOfDay(commits, { host: config.alias, wallMs: systemClock.wallMs() });
}

/** A message that was written and not sent looks like one that nobody answers. */
async function mentionUnsent(session: TransportSession, log: Log): Promise<void> {
  const unsent = await findUnsent(session).catch(() => null);
  for (const line of unsent === null ? [] : describeUnsent(unsent))
    log.warning('clone.unsent', { reason: line, next: 'hosts do not see it until it is sent' });
}

/** Listens for the user's other commands. A dispatcher that cannot be asked still does its work. */
async function listen(
  session: TransportSession,
  dispatcher: Dispatcher,
  parts: RunParts,
): Promise<ControlServer | null> {
  try {
    return await serveControl(session.directory.path, {
      answer: (op, model) => answer(dispatcher, { op, model }, parts.stopping),
      follow: (emit) => {
        const unfollow = [
          parts.events.follow((record) =>
            emit({ ...record.fields, event: record.event, level: record.level }),
          ),
          parts.output.follow(emit),
        ];
        return () => unfollow.forEach((stop) => stop());
      },
    });
  } catch (error) {
    parts.log.warning('control.unavailable', {
      reason: errorText(error),
      next: 'continues; pause, resume, drain and stop do not reach it, but signals do',
    });
    return null;
  }
}

/** What the control socket is asked. */
interface Asked {
  readonly op: Exclude<LocalOp, 'events'>;
  readonly model: string | undefined;
}

async function answer(
  dispatcher: Dispatcher,
  { op, model }: Asked,
  stopping: Stopping,
): Promise<unknown> {
  switch (op) {
    case 'pause':
      return pauseHost(dispatcher);
    case 'resume':
      return resumeHost(dispatcher, model ?? null);
    case 'drain':
      return drainHost(dispatcher);
    case 'stop':
      stopping.stop.abort();
      return reportHost(dispatcher);
    case 'wake':
      wake(dispatcher);
      // Anyone who asks for this has published something.
      pokeOthers(dispatcher);
      return reportHost(dispatcher);
    case 'accept-rewrite':
      return acceptRewrite(dispatcher);
    case 'status':
      return reportHost(dispatcher);
  }
}

interface Stopping {
  /** First signal: finish what runs, within the grace. */
  readonly stop: AbortController;
  /** Second signal: end now. */
  readonly kill: AbortController;
  /** As a signal does: the first time stop, then kill. */
  readonly signal: () => void;
  /** The terminal was closed. */
  readonly isHungUp: () => boolean;
  readonly close: () => void;
}

function listenForSignals(): Stopping {
  const [stop, kill] = [new AbortController(), new AbortController()];
  let isHungUp = false;
  const onSignal = (name?: string): void => {
    isHungUp ||= name === 'SIGHUP' && !stop.signal.aborted;
    // A terminal that closes signals everybody in it, and some of those signal again.
    if (stop.signal.aborted && name !== 'SIGHUP') kill.abort();
    stop.abort();
  };
  for (const signal of END_SIGNALS) process.on(signal, onSignal);
  return {
    stop,
    kill,
    signal: () => onSignal(),
    isHungUp: () => isHungUp,
    close: () => {
      for (const signal of END_SIGNALS) process.off(signal, onSignal);
    },
  };
}

interface Channel<T> {
  readonly emit: (one: T) => void;
  /** Hands every later one to `take` until the function it returns is called. */
  readonly follow: (take: (one: T) => void) => () => void;
}

function createChannel<T>(): Channel<T> {
  const followers = new Set<(one: T) => void>();
  return {
    emit: (one) => {
      for (const take of followers) take(one);
    },
    follow: (take) => {
      followers.add(take);
      return () => void followers.delete(take);
    },
  };
}

function settingFlags(invocation: Invocation): ConfigSources['flags'] {
  const interval = option(invocation, 'interval');
  return {
    ...textOf('alias', option(invocation, 'alias')),
    ...textOf('only', option(invocation, 'only')),
    ...textOf('concurrency', option(invocation, 'concurrency')),
    ...textOf('listen', option(invocation, 'listen')),
    ...textOf('intervalMaxMs', interval),
    // A pace faster than the usual shortest one means exactly that.
    ...(interval !== null &&
    (parseDuration(interval) ?? DEFAULTS.intervalMinMs) < DEFAULTS.intervalMinMs
      ? { intervalMinMs: interval }
      : {}),
  };
}

function textOf<K extends string>(key: K, value: string | null): Partial<Record<K, string>> {
  return value === null ? {} : ({ [key]: value } as Record<K, string>);
}
