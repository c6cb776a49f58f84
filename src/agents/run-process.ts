/**
 * Starts any program and always ends it: own process group, exact environment, input on stdin,
 * limits on output, time and silence, TERM and then KILL to everything it started. Nothing a
 * program does makes it throw.
 *
 * A run is *starting* (spawned, told to `onStarted`, no input yet), *running* (input written; ends
 * on its own or by one of the limits),
 * *ending* (TERM sent; KILL after the grace), *draining* (the leader is gone; others may still hold
 * its pipes, for a second of silence, three in all) and *swept* (the group and every marked process
 * killed).
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { Buffer } from 'node:buffer';
import { existsSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { SECOND, type Clock } from '../base/clock.ts';
import { untilDrained } from '../base/drain-pipes.ts';
import { errorText } from '../base/errors.ts';
import { untilAborted } from '../base/until-aborted.ts';
import type { StartedProcess } from './agent.ts';
import { explainUnstartable } from './interpreter.ts';
import { watchLimits } from './limits.ts';
import type { Pause } from './pause.ts';
import { createCollector, hearLines, type Collector } from './output-collector.ts';
import {
  killMarked,
  listProcesses,
  readStartTicks,
  RUN_MARKER,
  signalGroup,
} from './process-group.ts';

const STDERR_BYTES_MAX = 65_536;
const GRACE_MS = 5 * SECOND;
/** How long a program that has said all may take to end. */
const LINGER_MS = 10 * SECOND;
/** How long one that is talked with may take to stop what it does. */
const CANCEL_MS = 5 * SECOND;
/** How long it may take to end at the end of its stdin, before it is sent TERM. */
const EOF_MS = 3 * SECOND;
/** How long words are awaited that follow the end of a conversation. */
const SETTLE_MS = 400;
/** How long the pipes may stay open and say nothing after the leader has gone. */
const CLOSE_WAIT_MS = 1 * SECOND;
/**
 * In a shorter time than this no system hands out a process id twice, so what was there before
 * cannot be ours.
 */
const IDS_STABLE_MS = 10 * SECOND;

/** A conversation with a program. Its lines are heard by `onLine`. */
export interface ProcessTalk {
  /** Called when it may be written to. */
  readonly open: (write: (line: string) => void) => void;
  /** Called before it is ended from here: it is then given 5 s to say that it is `finished`. */
  readonly cancel: () => void;
}

export interface ProcessRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /**
   * The whole environment. Processes that leave the group are only found when it has a
   * `CROSSTALK_RUN`.
   */
  readonly env: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed; or a conversation over it. */
  readonly input: string | ProcessTalk;
  readonly timeoutMs: number;
  /** Limit without any output on stdout or stderr; null = none. */
  readonly idleTimeoutMs: number | null;
  /** Time that counts against neither limit. */
  readonly pause?: Pause;
  readonly stdoutBytesMax: number;
  /** From TERM to KILL; 5 s when it is left out. */
  readonly graceMs?: number;
  /**
   * Awaited before the input is written. When it rejects, the program is ended and `runProcess`
   * rejects likewise.
   */
  readonly onStarted?: (process: StartedProcess) => Promise<void>;
  /** Sees every line of stdout. With `dropLines`, a line it answers with false is not kept. */
  readonly onLine?: (line: string) => boolean;
  readonly dropLines?: boolean;
  /** Sees every line of stderr. */
  readonly onErrorLine?: (line: string) => void;
  /**
   * Sees every line of stderr and, with `dropLines`, of stdout; true ends the program (`gave-up`).
   */
  readonly givesUp?: (line: string) => boolean;
  /** Aborted when it has said all that is wanted: it then has a while to end (`lingered`). */
  readonly finished?: AbortSignal;
  /** That while; 10 s when it is left out. */
  readonly lingerMs?: number;
  readonly signal?: AbortSignal;
}

/** Why a run ended: on its own, or what ended it. */
export type EndCause =
  'exited' | 'lingered' | 'gave-up' | 'timeout' | 'idle' | 'too-large' | 'aborted';

export type ProcessEnd =
  /**
   * It never ran. `missing`: no such program, or not executable. `setup`: the directory is gone,
   * the arguments are too long, …
   */
  | {
      readonly kind: 'not-started';
      readonly why: 'missing' | 'setup' | 'aborted';
      readonly detail: string;
    }
  | {
      readonly kind: 'ended';
      readonly cause: EndCause;
      /** Null when a signal ended it (or nothing could, see `signal`). */
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly stdout: Uint8Array;
      /** Lines that were longer than `stdoutBytesMax`, and dropped (with `dropLines` only). */
      readonly droppedLines: number;
      /** The last 64 KiB. */
      readonly stderr: Uint8Array;
      /** Processes that had left the group and were killed by their marker. */
      readonly survivors: number;
      readonly durationMs: number;
    };

type Child = ChildProcessByStdio<Writable, Readable, Readable>;
type Spawned =
  | { readonly kind: 'spawned'; readonly child: Child; readonly pid: number }
  | Extract<ProcessEnd, { kind: 'not-started' }>;

/** What happened to one run so far. Only this file changes it. */
interface RunState {
  readonly exited: AbortController;
  readonly closed: AbortController;
  cause: EndCause;
  exitCode: number | null;
  exitSignal: string | null;
  lastOutputMs: number;
  stderr: Uint8Array;
}

/** Runs one program to its end. */
export async function runProcess(run: ProcessRun, clock: Clock): Promise<ProcessEnd> {
  if (run.signal?.aborted === true)
    return { kind: 'not-started', why: 'aborted', detail: 'stopped before it was started' };
  const startedMs = clock.monotonicMs();
  const before = listProcesses();
  const spawned = await start(run);
  if (spawned.kind === 'not-started') return spawned;
  const { child, pid } = spawned;
  const state = createState(clock);
  const stdout = listen(run, { child, state, clock, giveUp: () => end('gave-up') });
  const end = (cause: EndCause): void => endRun(cause, { run, pid, child, state, clock });
  const onAbort = (): void => end('aborted');
  run.signal?.addEventListener('abort', onAbort, { once: true });
  if (run.finished !== undefined)
    void endWhenFinished({ run, finished: run.finished, child, state, clock }).then(() =>
      end('lingered'),
    );
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stdout.push(chunk)) end('too-large');
  });
  const errors = hearLines((line) => {
    run.onErrorLine?.(line);
    if (run.givesUp?.(line) === true) end('gave-up');
  });
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  try {
    const announced = announce(run, pid);
    void announced.then(
      () => openInput(child, run),
      () => end('aborted'),
    );
    void watchLimits(
      {
        timeoutMs: run.timeoutMs,
        idleTimeoutMs: run.idleTimeoutMs,
        pause: run.pause,
        lastOutputMs: () => state.lastOutputMs,
        done: state.exited.signal,
        end,
      },
      clock,
    );
    await untilAborted(state.exited.signal);
    await untilDrained([child.stdout, child.stderr], {
      clock,
      closed: state.closed.signal,
      quietMs: CLOSE_WAIT_MS,
    });
    destroy(child);
    stdout.finish();
    errors.finish();
    const known = clock.monotonicMs() - startedMs < IDS_STABLE_MS ? before : undefined;
    const survivors = await sweep({ pid, marker: run.env[RUN_MARKER], known }, clock);
    await announced;
    return {
      kind: 'ended',
      cause: state.cause,
      exitCode: state.exitCode,
      signal: state.exitSignal,
      stdout: stdout.bytes(),
      stderr: state.stderr,
      droppedLines: stdout.droppedLines(),
      survivors,
      durationMs: clock.monotonicMs() - startedMs,
    };
  } finally {
    run.signal?.removeEventListener('abort', onAbort);
  }
}

function createState(clock: Clock): RunState {
  return {
    exited: new AbortController(),
    closed: new AbortController(),
    cause: 'exited',
    exitCode: null,
    exitSignal: null,
    lastOutputMs: clock.monotonicMs(),
    stderr: new Uint8Array(),
  };
}

async function start(run: ProcessRun): Promise<Spawned> {
  try {
    const child = spawn(run.program, run.args, {
      cwd: run.cwd,
      env: run.env,
      shell: false,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    // Both stay for the whole life of the child: an error without a listener would end the
    // dispatcher.
    const failed = new Promise<unknown>((resolve) => child.on('error', resolve));
    child.stdin.on('error', () => undefined);
    return child.pid === undefined
      ? refusal(run, await failed)
      : { kind: 'spawned', child, pid: child.pid };
  } catch (error) {
    return refusal(run, error);
  }
}

function refusal(run: ProcessRun, error: unknown): Extract<ProcessEnd, { kind: 'not-started' }> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const setup = (detail: string) => ({ kind: 'not-started', why: 'setup', detail }) as const;
  // The system says ENOENT for a missing directory as well, and would blame the program.
  if (!existsSync(run.cwd)) return setup(`the directory ${run.cwd} does not exist`);
  if (code === 'ENOENT')
    return {
      kind: 'not-started',
      why: 'missing',
      detail: explainUnstartable(run) ?? `${run.program}: no such program on the PATH of the agent`,
    };
  if (code === 'EACCES' || code === 'ENOTDIR' || code === 'ENOEXEC')
    return {
      kind: 'not-started',
      why: 'missing',
      detail: `${run.program}: cannot be executed (${code})`,
    };
  if (code === 'E2BIG')
    return setup(
      `${run.program}: arguments and environment are longer than the system allows (E2BIG)`,
    );
  return setup(`${run.program}: cannot be started: ${errorText(error)}`);
}

interface Listening {
  readonly child: Child;
  readonly state: RunState;
  readonly clock: Clock;
  readonly giveUp: () => void;
}

function listen(run: ProcessRun, { child, state, clock, giveUp }: Listening): Collector {
  child.once('exit', (code, signal) => {
    state.exitCode = code;
    state.exitSignal = signal;
    state.exited.abort();
  });
  child.once('close', () => state.closed.abort());
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('error', () => undefined);
    stream.on('data', () => (state.lastOutputMs = clock.monotonicMs()));
  }
  child.stderr.on(
    'data',
    (chunk: Buffer) =>
      (state.stderr = Buffer.concat([state.stderr, chunk]).subarray(-STDERR_BYTES_MAX)),
  );
  return createCollector({
    bytesMax: run.stdoutBytesMax,
    byLine: run.dropLines === true,
    onLine: (line) => {
      if (run.dropLines === true && run.givesUp?.(line) === true) giveUp();
      return run.onLine?.(line) ?? true;
    },
  });
}

/**
 * The start ticks are read without giving up control, so the child cannot have been reaped and its
 * id given away before.
 */
async function announce(run: ProcessRun, pid: number): Promise<void> {
  const startTicks = readStartTicks(pid);
  await run.onStarted?.({ pgid: pid, startTicks });
}

/** Gives it its input, or begins to talk. */
function openInput({ stdin }: Child, { input }: ProcessRun): void {
  if (typeof input === 'string') stdin.end(input);
  else
    input.open((line) => {
      if (stdin.writable) stdin.write(`${line}\n`);
    });
}

interface Finishing extends Omit<Ending, 'pid'> {
  readonly finished: AbortSignal;
}

/** Resolves when a program that has said all has had its time to end. */
async function endWhenFinished({ run, finished, child, state, clock }: Finishing): Promise<void> {
  await untilAborted(finished);
  const isTalk = typeof run.input !== 'string';
  if (isTalk) {
    await clock.sleep(SETTLE_MS, state.exited.signal);
    child.stdin.end();
  }
  await clock.sleep(run.lingerMs ?? (isTalk ? EOF_MS : LINGER_MS), state.exited.signal);
}

/** Asks a program that is talked with to stop, and closes its stdin. */
async function endTalk({ run, child, state, clock }: Omit<Ending, 'pid'>): Promise<void> {
  if (typeof run.input === 'string' || run.finished?.aborted === true) return;
  run.input.cancel();
  const stopped = [state.exited.signal, ...(run.finished === undefined ? [] : [run.finished])];
  await clock.sleep(CANCEL_MS, AbortSignal.any(stopped));
  child.stdin.end();
  await clock.sleep(run.graceMs ?? EOF_MS, state.exited.signal);
}

interface Ending {
  readonly run: ProcessRun;
  readonly pid: number;
  readonly child: Child;
  readonly state: RunState;
  readonly clock: Clock;
}

function endRun(cause: EndCause, { run, pid, child, state, clock }: Ending): void {
  if (state.cause !== 'exited' || state.exited.signal.aborted) return;
  state.cause = cause;
  const graceMs = run.graceMs ?? GRACE_MS;
  const terminate = async (): Promise<void> => {
    await endTalk({ run, child, state, clock });
    // A group that is gone takes no signal.
    signalGroup(pid, 'SIGTERM');
    await clock.sleep(graceMs, state.exited.signal);
    if (state.exited.signal.aborted) return;
    signalGroup(pid, 'SIGKILL');
    // Whatever neither ends nor may be killed (another user's, stuck in the kernel) is not waited
    // for any longer.
    await clock.sleep(graceMs, state.exited.signal);
    state.exited.abort();
  };
  void terminate();
}

function destroy(child: Child): void {
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  child.unref();
}

interface Swept {
  readonly pid: number;
  readonly marker: string | undefined;
  readonly known: ReadonlySet<string> | undefined;
}

async function sweep({ pid, marker, known }: Swept, clock: Clock): Promise<number> {
  signalGroup(pid, 'SIGKILL');
  return marker === undefined
    ? 0
    : killMarked({ marker, pgid: pid, ...(known === undefined ? {} : { known }) }, clock);
}
