/**
 * The models.yaml of a new transport: the agent programs of this host, or an echo so that the first
 * message is answered anyway.
 */
import { ADAPTERS } from '../../agents/adapters.ts';
import { detectAgents, type FoundAgent, SHORT_MS } from '../../agents/detect.ts';
import { systemClock } from '../../base/clock.ts';
import { READ_ONLY_ADAPTERS } from '../../protocol/models.ts';
import { MODELS_HEADER } from '../template-files.ts';
import { describeVersion } from '../look/agent-programs.ts';

export interface FirstModels {
  readonly text: string;
  /** Names of the models that start an agent program; without the one that only repeats. */
  readonly agents: readonly string[];
  /** Lines for the person: what was found and what to do about the rest. */
  readonly notes: readonly string[];
}

const ECHO = `  echo:
    adapter: command
    command: [cat]
    effects: none
    compile: false
    concurrency: 4
    options: { input: message }
`;

/**
 * What `init` writes into data/models.yaml: one model for each program that is installed and tried,
 * named after it; `withEcho`: beside them the one that repeats what it was sent.
 */
export async function composeFirstModels(
  env: Readonly<Record<string, string | undefined>>,
  withEcho = false,
): Promise<FirstModels> {
  const found = await detectAgents({
    adapters: ADAPTERS,
    operatorEnv: env,
    clock: systemClock,
    limitMs: SHORT_MS,
  });
  const usable = found.filter(({ signedIn }) => signedIn !== 'no');
  const notes = found.map((agent) => describeFound(agent, usable.includes(agent)));
  const agents = usable.map(({ adapter }) => adapter);
  if (usable.length > 0)
    return {
      agents,
      text: `${MODELS_HEADER}models:\n${usable.map(formatEntry).join('')}${withEcho ? ECHO : ''}`,
      notes,
    };
  return {
    agents,
    text: `${MODELS_HEADER}models:\n${ECHO}`,
    notes: [
      ...notes,
      'no agent program is ready on this host; "echo" answers with what it was sent',
    ],
  };
}

/** A program as an entry of models.yaml. */
export function formatEntry({ adapter, path, onPath, env }: FoundAgent): string {
  const lines = [
    `  ${adapter}:`,
    `    adapter: ${adapter}`,
    ...(onPath ? [] : [`    command: [${JSON.stringify(path)}]`]),
    ...(env.length === 0 ? [] : [`    env: [${env.join(', ')}]`]),
  ];
  return `${lines.join('\n')}\n`;
}

function describeFound(agent: FoundAgent, isUsed: boolean): string {
  const { adapter, advice, env, login } = agent;
  const name = `${adapter} ${agent.version ?? `(${describeVersion(agent, SHORT_MS)})`}`;
  const signed = login ? 'signed in' : `signed in by ${env.join(', ')}`;
  const may = READ_ONLY_ADAPTERS.includes(adapter)
    ? 'it reads and answers (effects: none)'
    : 'it may change things on this host (effects: external)';
  if (isUsed)
    return `found ${name}, ${advice === null ? signed : `cannot tell whether it is signed in; if not: ${advice}`}; ${may}`;
  return `found ${name}, not signed in: ${advice ?? 'sign in to it'}; then: crosstalkd allow --add ${adapter}`;
}
