/**
 * Runs attempts: picks the adapter, prepares directory and environment, runs the program within the
 * entry's limits and reads its output.
 */
import { ownValue } from '../base/own-value.ts';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../base/errors.ts';
import { removeTree } from '../base/remove-tree.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { modeOf, type Adapter, type Mode } from './adapter.ts';
import type { Agents, AttemptOutcome, AttemptRequest, PermissionAsked } from './agent.ts';
import { failureOf, isDirectory, makePrivate, resolveDirectory } from './attempt-folders.ts';
import { findCheckoutConfig, groundOf } from './checkout.ts';
import { closeExchange, collectOutput, openExchange } from './exchange-files.ts';
import { failed } from './outcome.ts';
import { createPause } from './pause.ts';
import { createRedactor, type Redact, secretsOf } from './redact.ts';
import { LOST, type Prepared, type ProgramContext, runProgram } from './run-program.ts';
import { runService } from './run-service.ts';
import type { Service } from './service.ts';
import { SESSION_ID } from './session-id.ts';

/**
 * The scratch folder inside the attempt's directory: TMPDIR of the agent and files of the adapter.
 * Removed after the attempt.
 */
const SCRATCH = '.tmp';

export interface AgentsParts extends Omit<ProgramContext, 'redact'> {
  readonly adapters: Readonly<Record<string, Adapter>>;
  /** Adapters that ask over the network instead of starting a program. */
  readonly services?: Readonly<Record<string, Service>>;
  /**
   * Where programs that keep sessions by directory run, a folder for each model; without, sessions
   * of entries without `cwd:` start over.
   */
  readonly sessions?: LastingFolders;
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
      const waits = createPause(parts.clock);
      const { onAsk } = request;
      const asking =
        onAsk === undefined
          ? request
          : {
              ...request,
              onAsk: (asked: PermissionAsked, directory: string) =>
                waits.during(() => onAsk(asked, directory)),
            };
      const outcome = await runAttempt(asking, { ...parts, redact });
      // The time of people is not that of the agent.
      const durationMs = Math.round(parts.clock.monotonicMs() - startedMs - waits.pausedMs());
      return { ...outcome, durationMs };
    },
  };
}

type Context = AgentsParts & { readonly redact: Redact };

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
  const asks = adapter !== undefined && (adapter.talk ?? adapter.asksByCommand) !== undefined;
  if (entry.permissions !== null && !asks)
    return failed(
      'setup',
      `"permissions" of "${entry.name}": "adapter: ${known.name}" never asks; use acp, claude or command`,
    );
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
  // The name of the directory that a program is given must be the one that it finds itself.
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
      (await runProgram(prepared, context)) ??
      (await runProgram({ ...prepared, request: { ...given, session: null } }, context)) ??
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
    : `${name} would run code from ${found}; send it with "isolate: worktree", which leaves that out, or set "trust-checkout: true" in this host's own models.yaml`;
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
