/**
 * Runs one program to its end and reads what it wrote: the way of every adapter that is given a
 * prompt and gives an answer.
 */
import { join } from 'node:path';
import { type Clock, SECOND } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { checkedUsage } from '../protocol/usage.ts';
import {
  type Adapter,
  asksPerson,
  type Invocation,
  type Mode,
  type Parsed,
  type Talk,
} from './adapter.ts';
import type { AttemptOutcome, AttemptRequest, Usage } from './agent.ts';
import { ASK_VARIABLE, type AskDesk, openDesk } from './ask-desk.ts';
import { buildAgentEnv, type OperatorEnv, withDirectoryOf } from './agent-env.ts';
import { expandHome, failureOf, writeFiles } from './attempt-folders.ts';
import type { Ground } from './checkout.ts';
import { cleanOutput } from './clean-output.ts';
import { explainFirstLine } from './interpreter.ts';
import { answer, failed, failure, keepRaw, limitReached } from './outcome.ts';
import { createPause } from './pause.ts';
import type { Redact } from './redact.ts';
import { readReportedUsage, type ReportedUsage } from './reported-usage.ts';
import { type ProcessEnd, type ProcessRun, runProcess } from './run-process.ts';
import { type SessionTotals, usageOfAttempt } from './session-totals.ts';
import { createAsker, showLines, type Shown } from './show-lines.ts';

/**
 * A JSON form may need this many bytes for one byte of answer, and the other a start: escapes,
 * thoughts, tool output.
 */
const JSON_FACTOR = 8;
const JSON_BASE = 1_048_576;
const OPENING_MS = 90 * SECOND;
/** Most retries in a row by a program whose own retrying cannot be turned off. */
const RETRIES_MAX = 1;
/** In the scratch folder: a program's report of its use. */
const USAGE_FILE = 'usage.json';

/** What all attempts with programs share. */
export interface ProgramContext {
  readonly clock: Clock;
  readonly operatorEnv: OperatorEnv;
  readonly redact: Redact;
  /** Told when processes had to be hunted down after an attempt. */
  readonly log?: Log;
  /** Version of an adapter's program on this host, as detect.ts found it. */
  readonly versionOf?: (adapter: string) => string | null;
  /** What is known of sessions; without it, figures that are sums of a session are left out. */
  readonly totals?: SessionTotals;
  /** From TERM to KILL; 5 s when it is left out. */
  readonly graceMs?: number;
  /** How long a program that is talked with may leave a request open before its prompt; 90 s. */
  readonly openingMs?: number;
  /** How long a program that has answered may take to end; 10 s when it is left out. */
  readonly lingerMs?: number;
}

/** One try to run a program, ready to start. */
export interface Prepared {
  readonly request: AttemptRequest;
  readonly adapter: Adapter;
  readonly mode: Mode;
  readonly cwd: string;
  readonly ground: Ground;
  readonly scratch: string;
}

type Ended = Extract<ProcessEnd, { kind: 'ended' }>;

/** For a program that speaks of a session although none was to be continued. */
export const LOST = failed('invalid', 'it asks for a session, although there was none to continue');

/**
 * Null: to be run once more without the session, which is gone or has become too long. The prompt
 * holds the thread, so nothing is lost.
 */
export async function runProgram(
  prepared: Prepared,
  context: ProgramContext,
): Promise<AttemptOutcome | null> {
  const { request, adapter, scratch, mode, ground } = prepared;
  const invocation = adapter.invoke({ ...request, mode, scratch, ground, directory: prepared.cwd });
  if (invocation.kind === 'refused') return failed('setup', invocation.why);
  const obstacle = await failureOf(() => writeFiles(scratch, invocation.files));
  if (obstacle !== null)
    return failed('setup', `the files of the adapter cannot be written: ${obstacle}`);
  const talk =
    adapter.talk?.(
      { ...request, mode, scratch, ground, directory: prepared.cwd },
      invocation.input,
    ) ?? null;
  const pause = createPause(context.clock);
  const finished = new AbortController();
  const ask = createAsker(prepared, { redact: context.redact, pause, over: finished.signal });
  const shown = showLines(prepared, {
    ...{ redact: context.redact, talk, ask, finished },
    ...{ clock: context.clock, openingMs: context.openingMs ?? OPENING_MS },
  });
  const isDesk = adapter.asksByCommand === true && asksPerson(request);
  const desk = isDesk ? await openDesk(scratch, ask).catch(errorText) : null;
  if (typeof desk === 'string') return failed('setup', `nobody could be asked: ${desk}`);
  const run = { ...describeRun(prepared, { context, invocation, shown, desk }), pause };
  const end = await runProcess(run, context.clock).finally(() => {
    finished.abort();
    return desk?.close();
  });
  if (end.kind === 'not-started')
    return end.why === 'aborted'
      ? { kind: 'stopped', textSoFar: '', durationMs: 0 }
      : failed(end.why, context.redact(end.detail));
  if (end.survivors > 0)
    context.log?.warning('attempt.survivors-killed', {
      attempt: request.attemptId,
      model: request.entry.name,
      count: end.survivors,
      next: "processes that had left the agent's process group were killed",
    });
  return read(end, { prepared, context, run, talk, shown: shown.text() });
}

interface Starting {
  readonly context: ProgramContext;
  readonly invocation: Extract<Invocation, { kind: 'invocation' }>;
  readonly shown: Shown;
  /** Where its processes ask for permissions; null: they cannot. */
  readonly desk: AskDesk | null;
}

function describeRun(
  { request, adapter, cwd, scratch }: Prepared,
  { context, invocation, shown, desk }: Starting,
): ProcessRun {
  const { entry } = request;
  const bytesMax = entry.outputBytesMax;
  const extraEnv = { ...request.extraEnv, ...(desk === null ? {} : { [ASK_VARIABLE]: desk.path }) };
  return {
    ...describeProgram(
      { request: { ...request, extraEnv }, cwd, scratch },
      { context, invocation },
    ),
    cwd,
    input: shown.talk ?? invocation.input,
    timeoutMs: entry.timeoutMs,
    idleTimeoutMs: adapter.output.kind === 'json' ? null : entry.idleTimeoutMs,
    stdoutBytesMax: adapter.output.kind === 'text' ? bytesMax : bytesMax * JSON_FACTOR + JSON_BASE,
    onStarted: request.onStarted,
    onLine: shown.onLine,
    onErrorLine: shown.onErrorLine,
    finished: shown.finished,
    dropLines: adapter.output.kind === 'json-lines',
    ...countRetries(adapter),
    signal: request.signal,
    ...(context.graceMs === undefined ? {} : { graceMs: context.graceMs }),
    ...(context.lingerMs === undefined ? {} : { lingerMs: context.lingerMs }),
  };
}

/** The program with its wrapper, its arguments and its environment. */
export function describeProgram(
  { request, cwd, scratch }: Pick<Prepared, 'request' | 'cwd' | 'scratch'>,
  {
    context,
    invocation,
  }: {
    readonly context: ProgramContext;
    readonly invocation: Pick<Starting['invocation'], 'program' | 'args' | 'env'>;
  },
): Pick<ProcessRun, 'program' | 'args' | 'env'> {
  const { entry } = request;
  const program = expandHome(invocation.program, context.operatorEnv['HOME']);
  const argv = [
    ...entry.wrapper.map((word) => fillPlaces(word, { attempt: request.directory, cwd, scratch })),
    program,
    ...invocation.args,
  ];
  return {
    program: argv[0] ?? program,
    args: argv.slice(1),
    env: buildAgentEnv({
      operator: withDirectoryOf(context.operatorEnv, program),
      names: entry.env,
      adapter: invocation.env,
      extra: { ...request.extraEnv, CROSSTALK_USAGE: join(scratch, USAGE_FILE) },
      tmpDir: scratch,
      attemptId: request.attemptId,
    }),
  };
}

/** Places that a wrapper may let its program into, by name. */
function fillPlaces(
  word: string,
  places: { readonly attempt: string; readonly cwd: string; readonly scratch: string },
): string {
  return word
    .replaceAll('{attempt}', () => places.attempt)
    .replaceAll('{worktree}', () => places.cwd)
    .replaceAll('{scratch}', () => places.scratch);
}

/**
 * Counts retries in a row: after one that helped, which shows in work that continues, it starts
 * over.
 */
function countRetries({ saysRetry, output }: Adapter): {
  readonly givesUp?: (line: string) => boolean;
} {
  if (saysRetry === undefined) return {};
  let seen = 0;
  return {
    givesUp: (line) => {
      if (saysRetry(line)) seen += 1;
      else if (seen > 0 && output.kind === 'json-lines' && output.view(line).show !== null)
        seen = 0;
      return seen > RETRIES_MAX;
    },
  };
}

interface Reading {
  readonly prepared: Prepared;
  readonly context: ProgramContext;
  readonly run: ProcessRun;
  readonly talk: Talk | null;
  readonly shown: string;
}

async function read(end: Ended, reading: Reading): Promise<AttemptOutcome | null> {
  const { prepared, context, shown } = reading;
  const { entry, session } = prepared.request;
  const stdout = cleanOutput(end.stdout);
  const parsed = parseEnd(end, { reading, stdout: stdout.text });
  const report = await readReportedUsage(join(prepared.scratch, USAGE_FILE));
  const judging = {
    entry,
    redact: context.redact,
    raw: joinOutputs(end),
    fallbackVersion: report.model ?? context.versionOf?.(prepared.adapter.name) ?? null,
  };
  if (parsed.kind === 'lost-session' || (parsed.kind === 'failure' && parsed.class === 'context')) {
    const again = withoutSession({
      session,
      hasBegun: shown.trim() !== '',
      effects: entry.effects,
      isLost: parsed.kind === 'lost-session',
    });
    if (again !== 'stays') return again;
  }
  if (parsed.kind === 'lost-session') return LOST;
  const usage = await usageOf(parsed, { report, resumed: session, context });
  // A complete answer wins over whatever ended the program after it.
  if (parsed.kind === 'answer' && (isOwnEnd(end) || prepared.adapter.output.kind !== 'text'))
    return stdout.kind === 'invalid'
      ? {
          ...failed('invalid', `${stdout.bytes} bytes of output that are not text: ${stdout.hint}`),
          usage,
          rawOutput: keepRaw(judging.raw),
        }
      : answer({ ...parsed, usage, session: parsed.session ?? report.session }, judging);
  if (end.cause === 'aborted') return { kind: 'stopped', textSoFar: shown, durationMs: 0 };
  const limit = limitOf(end, parsed);
  if (limit !== null)
    return {
      ...limitReached(limit, { ...judging, said: cleanOutput(end.stderr).text, parsed }),
      usage,
    };
  return parsed.kind === 'failure'
    ? failure({ ...withAdvice(parsed, prepared.adapter), usage }, judging)
    : answer({ ...parsed, usage }, judging);
}

/** It ended on its own, or after it had said that it would try again and again. */
function isOwnEnd({ cause }: Ended): boolean {
  return cause === 'exited' || cause === 'gave-up';
}

/** The limit that ended it, or that its answer did not fit into. */
function limitOf(end: Ended, parsed: Parsed): 'timeout' | 'idle' | 'too-large' | null {
  if (end.cause === 'timeout' || end.cause === 'idle' || end.cause === 'too-large')
    return end.cause;
  const isUnread =
    parsed.kind === 'failure' && ['invalid', 'crash', 'empty'].includes(parsed.class);
  return end.droppedLines > 0 && isUnread ? 'too-large' : null;
}

function parseEnd(
  end: Ended,
  { reading, stdout }: { readonly reading: Reading; readonly stdout: string },
): Parsed {
  const { prepared, context, run } = reading;
  const said = cleanOutput(end.stderr).text;
  const isShellFailure = end.exitCode === 126 || end.exitCode === 127;
  const broken = isShellFailure ? explainFirstLine(run) : null;
  return (reading.talk ?? prepared.adapter).parse({
    stdout,
    stderr: broken === null ? said : `${said}\n${broken}`,
    exitCode: isOwnEnd(end) ? end.exitCode : null,
    signal: end.signal,
    resumed: prepared.request.session !== null,
    nowMs: context.clock.wallMs(),
  });
}

async function usageOf(
  parsed: Exclude<Parsed, { kind: 'lost-session' }>,
  told: {
    readonly report: ReportedUsage;
    readonly resumed: string | null;
    readonly context: ProgramContext;
  },
): Promise<Usage> {
  const { report, resumed, context } = told;
  const own = await usageOfAttempt(
    { usage: parsed.usage, total: parsed.total, resumed },
    context.totals,
  );
  return checkedUsage({
    tokensIn: own.tokensIn ?? report.usage.tokensIn,
    tokensOut: own.tokensOut ?? report.usage.tokensOut,
    costUsd: own.costUsd ?? report.usage.costUsd,
  });
}

/** Null: once more, without the session. What may have acted is not started twice. */
function withoutSession(run: {
  readonly session: string | null;
  readonly hasBegun: boolean;
  readonly effects: ModelEntry['effects'];
  readonly isLost: boolean;
}): AttemptOutcome | null | 'stays' {
  if (run.session === null) return 'stays';
  if (!run.hasBegun || run.effects !== 'external') return null;
  return run.isLost
    ? failed('crash', 'its session disappeared after it had started; it may have acted')
    : 'stays';
}

/** Both outputs as they came, the second one under a heading. */
function joinOutputs({
  stdout,
  stderr,
}: Pick<Extract<ProcessEnd, { kind: 'ended' }>, 'stdout' | 'stderr'>): Uint8Array {
  return stderr.length === 0
    ? stdout
    : Buffer.concat([
        stdout,
        Buffer.from(stdout.length === 0 ? '' : '\n[standard error]\n'),
        stderr,
      ]);
}

/** Anyone who reads that a program is not signed in reads what to do about it. */
export function withAdvice(
  parsed: Extract<Parsed, { kind: 'failure' }>,
  { detection }: Adapter,
): typeof parsed {
  return parsed.class === 'auth' && detection !== null
    ? { ...parsed, detail: `${parsed.detail}; on that host: ${detection.signIn}` }
    : parsed;
}
