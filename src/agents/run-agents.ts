/**
 * Runs attempts: picks the adapter, prepares directory and environment, runs the program within the
 * entry's limits and reads its output.
 */
import { chmod, mkdir, realpath, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { removeTree } from '../base/remove-tree.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { modeOf, type Adapter, type Invocation, type Mode, type Parsed } from './adapter.ts';
import type { Agents, AttemptOutcome, AttemptRequest } from './agent.ts';
import { buildAgentEnv, withDirectoryOf, type OperatorEnv } from './agent-env.ts';
import { findCheckoutConfig, groundOf, type Ground } from './checkout.ts';
import { cleanOutput } from './clean-output.ts';
import { closeExchange, collectOutput, openExchange } from './exchange-files.ts';
import { answer, createShown, failed, failure, keepRaw, limitReached } from './outcome.ts';
import { createRedactor, secretsOf, type Redact } from './redact.ts';
import { runService } from './run-service.ts';
import type { Service } from './service.ts';
import { runProcess, type ProcessEnd } from './run-process.ts';

/**
 * A JSON form may need this many bytes for one byte of answer, and the other a start: escapes,
 * thoughts, tool output.
 */
const JSON_FACTOR = 8;
const JSON_BASE = 1_048_576;
/** So often in a row a program that cannot be told not to may try again by itself. */
const RETRIES_MAX = 1;
/**
 * The scratch folder inside the attempt's directory: TMPDIR of the agent and files of the adapter.
 * Removed after the attempt.
 */
const SCRATCH = '.tmp';
/**
 * What a session's id looks like in every program known; anything else could be taken for an option
 * or a path.
 */
const SESSION_ID = /^[A-Za-z0-9][\w.:-]{0,127}$/;

export interface AgentsParts {
  readonly clock: Clock;
  readonly operatorEnv: OperatorEnv;
  readonly adapters: Readonly<Record<string, Adapter>>;
  /** Adapters that ask over the network instead of starting a program. */
  readonly services?: Readonly<Record<string, Service>>;
  /** Told when processes had to be hunted down after an attempt. */
  readonly log?: Log;
  /** Version of an adapter's program on this host, as detect.ts found it. */
  readonly versionOf?: (adapter: string) => string | null;
  /**
   * Where programs that keep sessions by directory run, a folder for each model; without, sessions
   * of entries without `cwd:` begin anew.
   */
  readonly sessions?: LastingFolders;
  /** From TERM to KILL; 5 s when it is left out. */
  readonly graceMs?: number;
}

/** Empty directories that stay, kept by local/session-folders.ts. */
export interface LastingFolders {
  readonly open: (
    model: string,
  ) => Promise<{ readonly directory: string; readonly close: () => void }>;
}

/** The real door to agent programs. */
export function createAgents(parts: AgentsParts): Agents {
  const redact = createRedactor(secretsOf(parts.operatorEnv));
  return {
    run: async (request) => {
      const startedMs = parts.clock.monotonicMs();
      const outcome = await runAttempt(request, { ...parts, redact });
      const durationMs = Math.round(parts.clock.monotonicMs() - startedMs);
      return { ...outcome, durationMs };
    },
  };
}

function ownValue<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

type Context = AgentsParts & { readonly redact: Redact };
/** One try to run the program, ready to start. */
interface Prepared {
  readonly request: AttemptRequest;
  readonly adapter: Adapter;
  readonly mode: Mode;
  readonly cwd: string;
  readonly ground: Ground;
  readonly scratch: string;
}

async function runAttempt(request: AttemptRequest, context: Context): Promise<AttemptOutcome> {
  const { entry } = request;
  const service = ownValue(context.services ?? {}, entry.adapter);
  const adapter = ownValue(context.adapters, entry.adapter);
  const known = service ?? adapter;
  if (known === undefined)
    return failed(
      'setup',
      `unknown adapter "${entry.adapter}"; known are ${Object.keys({ ...context.adapters, ...context.services }).join(', ')}`,
    );
  const unknown = Object.keys(entry.options).find(
    (key) => key !== 'mode' && !known.options.includes(key),
  );
  if (unknown !== undefined)
    return failed('setup', `unknown option "${unknown}" for "adapter: ${known.name}"`);
  if (entry.model?.startsWith('-') === true)
    return failed('setup', `"model: ${entry.model}" would be taken for an option`);
  const mode = modeOf(entry, known);
  if (mode.kind === 'refused') return failed('setup', mode.why);
  if (service !== undefined && (request.attachments ?? []).length > 0)
    return failed(
      'attachment',
      `"adapter: ${service.name}" reads no files; ask a model that runs a program`,
    );
  if (service !== undefined) return runService(request, { service, ...context });
  return adapter === undefined
    ? LOST
    : startProgram(request, { adapter, mode: mode.mode, context });
}

interface Program {
  readonly adapter: Adapter;
  readonly mode: Mode;
  readonly context: Context;
}

async function startProgram(
  request: AttemptRequest,
  { adapter, mode, context }: Program,
): Promise<AttemptOutcome> {
  const { entry } = request;
  const folders = needsLasting(entry, adapter, mode) ? context.sessions : undefined;
  if (folders === undefined)
    return startIn(resolveDirectory(request, context.operatorEnv['HOME']), request, {
      adapter,
      mode,
      context,
    });
  const opened = await folders.open(entry.name).catch(errorText);
  if (typeof opened === 'string')
    return failed('setup', `the folder for sessions cannot be made: ${opened}`);
  try {
    return await startIn(opened.directory, request, { adapter, mode, context });
  } finally {
    opened.close();
  }
}

/** A model that may write gets none: what it leaves would be found by others. */
function needsLasting(entry: ModelEntry, adapter: Adapter, mode: Mode): boolean {
  return entry.cwd === null && adapter.sessionsByDirectory === true && mode !== 'write';
}

async function startIn(
  cwd: string,
  request: AttemptRequest,
  { adapter, mode, context }: Program,
): Promise<AttemptOutcome> {
  const { entry } = request;
  if (!(await isDirectory(cwd)))
    return failed('setup', `the directory ${cwd} ("cwd" of "${entry.name}") does not exist`);
  // What a program is told of its directory has to be the name that it finds for itself.
  const place = { cwd: await realpath(cwd), ground: groundOf(entry, request) };
  const found = await findWhatRuns(place, adapter);
  if (found !== null) return failed('setup', found);
  const scratch = join(request.directory, SCRATCH);
  const obstacle = await failureOf(() => makePrivate(scratch));
  if (obstacle !== null)
    return failed('setup', `the folder for temporary files cannot be made: ${obstacle}`);
  try {
    const exchange = await openExchange(request).catch((error: unknown) => errorText(error));
    if (typeof exchange === 'string')
      return failed('setup', `the folders for files cannot be made: ${exchange}`);
    const session =
      request.session !== null && SESSION_ID.test(request.session) ? request.session : null;
    const given = { ...request, extraEnv: { ...request.extraEnv, ...exchange } };
    const prepared = { request: { ...given, session }, adapter, mode, ...place, scratch };
    const outcome =
      (await runOnce(prepared, context)) ??
      (await runOnce({ ...prepared, request: { ...given, session: null } }, context)) ??
      LOST;
    return await withFiles(outcome, { directory: request.directory, redact: context.redact });
  } finally {
    await failureOf(() => closeExchange(request));
    // What cannot be removed is left to the owner of the directory; the answer is worth more.
    await failureOf(() => removeTree(scratch));
  }
}

/** Why a program is not started where it is to run, or null. */
async function findWhatRuns(
  { cwd, ground }: Pick<Prepared, 'cwd' | 'ground'>,
  { name, runsFromCheckout = [] }: Adapter,
): Promise<string | null> {
  const found = ground === 'foreign' ? await findCheckoutConfig(cwd, runsFromCheckout) : null;
  return found === null
    ? null
    : `${name} would run code from ${found}; send it with "isolate: worktree", which leaves that out, or say "trust-checkout: true" in this host's own models.yaml`;
}

/**
 * An answer with what was left beside it. What cannot be published is said instead of the answer,
 * which is kept on this host.
 */
async function withFiles(
  outcome: AttemptOutcome,
  { directory, redact }: { readonly directory: string; readonly redact: Redact },
): Promise<AttemptOutcome> {
  if (outcome.kind !== 'answered') return outcome;
  const collected = await collectOutput(directory, redact);
  if (collected.kind === 'collected')
    return collected.files.length === 0 ? outcome : { ...outcome, files: collected.files };
  return {
    ...failed('attachment', redact(collected.why)),
    usage: outcome.usage,
    rawOutput: Buffer.from(outcome.text),
  };
}

const LOST = failed('invalid', 'it asks for a session although none was to be continued');

/** Null when the session that was to be continued is gone. */
async function runOnce(prepared: Prepared, context: Context): Promise<AttemptOutcome | null> {
  const { request, adapter, scratch, mode, ground } = prepared;
  const invocation = adapter.invoke({ ...request, mode, scratch, ground, directory: prepared.cwd });
  if (invocation.kind === 'refused') return failed('setup', invocation.why);
  const obstacle = await failureOf(() => writeFiles(scratch, invocation.files));
  if (obstacle !== null)
    return failed('setup', `the files of the adapter cannot be written: ${obstacle}`);
  const shown = showLines(prepared, context.redact);
  const end = await start(prepared, { context, invocation, onLine: shown.onLine });
  if (end.kind === 'not-started')
    return end.why === 'aborted'
      ? { kind: 'stopped', textSoFar: '', durationMs: 0 }
      : failed(end.why, context.redact(end.detail));
  if (end.survivors > 0)
    context.log?.warning('attempt.survivors-killed', {
      attempt: request.attemptId,
      model: request.entry.name,
      count: end.survivors,
      next: 'processes that had left the group of the agent were killed',
    });
  return read(end, { prepared, context, shown: shown.text() });
}

interface Starting {
  readonly context: Context;
  readonly invocation: Extract<Invocation, { kind: 'invocation' }>;
  readonly onLine: (line: string) => boolean;
}

function start(
  { request, adapter, cwd, scratch }: Prepared,
  { context, invocation, onLine }: Starting,
): Promise<ProcessEnd> {
  const { entry } = request;
  const program = expandHome(invocation.program, context.operatorEnv['HOME']);
  const argv = [
    ...entry.wrapper.map((word) => fillPlaces(word, { attempt: request.directory, cwd, scratch })),
    program,
    ...invocation.args,
  ];
  const bytesMax = entry.outputBytesMax;
  return runProcess(
    {
      program: argv[0] ?? program,
      args: argv.slice(1),
      cwd,
      env: buildAgentEnv({
        operator: withDirectoryOf(context.operatorEnv, program),
        names: entry.env,
        adapter: invocation.env,
        extra: request.extraEnv,
        tmpDir: scratch,
        attemptId: request.attemptId,
      }),
      input: invocation.input,
      timeoutMs: entry.timeoutMs,
      idleTimeoutMs: adapter.output.kind === 'json' ? null : entry.idleTimeoutMs,
      stdoutBytesMax:
        adapter.output.kind === 'text' ? bytesMax : bytesMax * JSON_FACTOR + JSON_BASE,
      onStarted: request.onStarted,
      onLine,
      dropLines: adapter.output.kind === 'json-lines',
      ...countRetries(adapter),
      signal: request.signal,
      ...(context.graceMs === undefined ? {} : { graceMs: context.graceMs }),
    },
    context.clock,
  );
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
 * Counts retries in a row: after one that helped, which shows in work that goes on, it begins anew.
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

/** What people who watch are shown, and what is left of it when the attempt is stopped. */
function showLines({ request, adapter }: Prepared, redact: Redact) {
  const shown = createShown(request, redact);
  const onLine = (line: string): boolean => {
    if (adapter.output.kind === 'json') return true;
    const view =
      adapter.output.kind === 'text'
        ? { keep: true, show: `${line}\n` }
        : adapter.output.view(line);
    if (view.show !== null) shown.show(view.show);
    return view.keep;
  };
  return { onLine, text: shown.text };
}

interface Reading {
  readonly prepared: Prepared;
  readonly context: Context;
  readonly shown: string;
}

function read(
  end: Extract<ProcessEnd, { kind: 'ended' }>,
  { prepared, context, shown }: Reading,
): AttemptOutcome | null {
  const { entry, session } = prepared.request;
  const stdout = cleanOutput(end.stdout);
  const stderr = cleanOutput(end.stderr).text;
  if (end.cause === 'aborted') return { kind: 'stopped', textSoFar: shown, durationMs: 0 };
  const { exitCode, signal } = end;
  const raw = joinOutputs(end);
  const nowMs = context.clock.wallMs();
  const parsed = prepared.adapter.parse({
    stdout: stdout.text,
    stderr,
    exitCode,
    signal,
    resumed: session !== null,
    nowMs,
  });
  if (end.cause !== 'exited' && end.cause !== 'gave-up')
    return limitReached(end.cause, { entry, redact: context.redact, raw, said: stderr, parsed });
  if (parsed.kind === 'lost-session')
    return afterLostSession({ session, hasBegun: shown.trim() !== '', effects: entry.effects });
  const judging = {
    entry,
    redact: context.redact,
    raw,
    fallbackVersion: context.versionOf?.(prepared.adapter.name) ?? null,
  };
  if (parsed.kind === 'failure') return failure(withAdvice(parsed, prepared.adapter), judging);
  if (stdout.kind === 'invalid')
    return {
      ...failed('invalid', `${stdout.bytes} bytes of output that are not text: ${stdout.hint}`),
      usage: parsed.usage,
      rawOutput: keepRaw(raw),
    };
  return answer(parsed, judging);
}

/** Null: once more, without the session. What may have acted is not started twice. */
function afterLostSession(run: {
  readonly session: string | null;
  readonly hasBegun: boolean;
  readonly effects: ModelEntry['effects'];
}): AttemptOutcome | null {
  if (run.session === null) return LOST;
  return run.hasBegun && run.effects === 'external'
    ? failed('crash', 'its session was gone after it had begun; it may have acted')
    : null;
}

/** Both outputs as they came, the second one under a line that says so. */
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

/** Whoever reads that a program is not signed in reads what to do about it. */
function withAdvice(
  parsed: Extract<Parsed, { kind: 'failure' }>,
  { detection }: Adapter,
): typeof parsed {
  return parsed.class === 'auth' && detection !== null
    ? { ...parsed, detail: `${parsed.detail}; on that host: ${detection.signIn}` }
    : parsed;
}

function resolveDirectory({ entry, directory }: AttemptRequest, home: string | undefined): string {
  const cwd = entry.cwd === null ? directory : expandHome(entry.cwd, home);
  return isAbsolute(cwd) ? cwd : resolve(home ?? directory, cwd);
}

function expandHome(path: string, home: string | undefined): string {
  return home !== undefined && (path === '~' || path.startsWith('~/'))
    ? join(home, path.slice(1))
    : path;
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** What went wrong, or null. For steps whose failure is an outcome of the attempt. */
async function failureOf(step: () => Promise<unknown>): Promise<string | null> {
  return step().then(() => null, errorText);
}

async function writeFiles(
  directory: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files))
    await writeFile(join(directory, name), content, { mode: 0o600 });
}

async function makePrivate(directory: string): Promise<void> {
  await removeTree(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
}
