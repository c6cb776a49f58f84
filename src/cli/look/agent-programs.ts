/**
 * What this host's agent programs are: version, signed in or not, and what to do. One look for
 * `models`, `join`, `init` and `doctor`; right also where a service has a bare PATH.
 */
import { ownValue } from '../../base/own-value.ts';
import { basename, isAbsolute } from 'node:path';
import { ADAPTERS } from '../../agents/adapters.ts';
import { detectAgents, type FoundAgent, type NamedProgram, SHORT_MS } from '../../agents/detect.ts';
import { systemClock } from '../../base/clock.ts';
import { type Fix, fixBy, fixByHand, formatFix, withNote } from '../../base/fix.ts';
import { formatDuration } from '../../base/duration.ts';
import type { ModelEntry } from '../../protocol/models.ts';
import { formatTable } from '../../base/display-width.ts';
import { type Io, lineFor } from '../io.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** One program that is here. */
export interface ProgramView {
  readonly adapter: string;
  readonly path: string;
  readonly version: string | null;
  readonly signedIn: FoundAgent['signedIn'];
  /** Names of the models that start it. */
  readonly usedBy: readonly string[];
  /** In one line: version, place, signed in or not. */
  readonly says: string;
  /**
   * What a person does to make it usable: for its models, or to have one; null when nothing is
   * known to be missing.
   */
  readonly fix: Fix | null;
}

export interface Look {
  /** The models that may start them. */
  readonly entries: readonly ModelEntry[];
  /** How long each may take to say its version; all are asked at once. */
  readonly limitMs?: number;
}

/** The agent programs of this host, in the order of the adapters. */
export async function lookAtPrograms(
  env: Env,
  { entries, limitMs = SHORT_MS }: Look,
): Promise<readonly ProgramView[]> {
  const named = entries.flatMap((entry) => namedProgram(entry) ?? []);
  const found = await detectAgents({
    adapters: ADAPTERS,
    operatorEnv: env,
    clock: systemClock,
    limitMs,
    named,
  });
  return found.map((agent) => viewProgram(agent, { entries, env, limitMs }));
}

/** Lines for people: each program with its models and what is to be done. */
export function formatPrograms(
  programs: readonly ProgramView[],
  io: Pick<Io, 'columns'>,
): readonly string[] {
  if (programs.length === 0) return [];
  const rows = programs.map(({ adapter, usedBy, says }) => [
    adapter,
    usedBy.length === 0 ? '(no model)' : lineFor(io, usedBy.join(', '), 40),
    says,
  ]);
  const fixes = programs.flatMap(({ adapter, fix }) =>
    fix === null ? [] : [`${adapter}: ${formatFix(fix)}`],
  );
  return [...formatTable([['PROGRAM', 'FOR', 'IS'], ...rows], io.columns), ...fixes];
}

/** The program of an entry, when its `command:` names one of the adapter's by its whole path. */
function namedProgram({ adapter, command: [path] }: ModelEntry): NamedProgram | null {
  const names = ADAPTERS[adapter]?.detection?.executables ?? [];
  return path !== undefined && isAbsolute(path) && names.includes(basename(path))
    ? { adapter, path }
    : null;
}

interface Use {
  readonly entries: readonly ModelEntry[];
  readonly env: Env;
  readonly limitMs: number;
}

function viewProgram(agent: FoundAgent, { entries, env, limitMs }: Use): ProgramView {
  const users = entries.filter(
    (entry) =>
      entry.adapter === agent.adapter &&
      (entry.command.length === 0 || namedProgram(entry)?.path === agent.path),
  );
  const what = `${describeVersion(agent, limitMs)}, ${agent.path}`;
  const { says, fix } = assessProgram(agent, { users, env });
  const hasEntry = entries.some(({ adapter }) => adapter === agent.adapter);
  return {
    adapter: agent.adapter,
    path: agent.path,
    version: agent.version,
    signedIn: agent.signedIn,
    usedBy: users.map(({ name }) => name),
    says: `${what}, ${says}`,
    fix: hasEntry ? fix : howToAdd(agent),
  };
}

/** For a program that no model starts. */
function howToAdd({ adapter, signedIn, advice }: FoundAgent): Fix {
  const add = fixBy`crosstalkd allow --add ${adapter}`;
  return signedIn === 'no' && advice !== null ? withNote(add, `first ${advice}`) : add;
}

/** `2.1.329`, or why there is no number. */
export function describeVersion({ version, answered }: FoundAgent, limitMs: number): string {
  if (version !== null) return version;
  return answered ? 'of unknown version' : `it did not answer within ${formatDuration(limitMs)}`;
}

function assessProgram(
  agent: FoundAgent,
  { users, env }: { readonly users: readonly ModelEntry[]; readonly env: Env },
): { readonly says: string; readonly fix: Fix | null } {
  if (!agent.onPath)
    return {
      says: 'which is not on the PATH here',
      fix: fixByHand(`command: [${JSON.stringify(agent.path)}] in models.yaml`),
    };
  if (agent.signedIn === 'unknown')
    return { says: 'cannot tell whether it is signed in', fix: null };
  if (agent.signedIn === 'no') {
    const isGiven =
      users.length > 0 &&
      users.every((entry) => entry.env.some((name) => (ownValue(env, name) ?? '') !== ''));
    return isGiven
      ? { says: 'signed in by a variable of its entry or not at all', fix: null }
      : { says: 'not signed in', fix: agent.advice === null ? null : fixByHand(agent.advice) };
  }
  const without = agent.login
    ? []
    : users.filter((entry) => !entry.env.some((name) => agent.env.includes(name)));
  if (without.length === 0)
    return { says: agent.login ? 'signed in' : `signed in by ${agent.env.join(', ')}`, fix: null };
  return {
    says: `signed in by ${agent.env.join(', ')}, which ${without.map(({ name }) => name).join(', ')} does not get`,
    fix: fixByHand(`env: [${agent.env[0] ?? ''}] in models.yaml`),
  };
}
