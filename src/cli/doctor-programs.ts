/** What `doctor` asks of the agent programs behind this host's models: which version, signed in or not, and what to do. Also where a service has a bare PATH. */
import { ADAPTERS } from '../agents/adapters.ts';
import { detectAgents, type FoundAgent } from '../agents/detect.ts';
import { systemClock } from '../base/clock.ts';
import type { Invocation } from './command.ts';
import { type Finding, fine, trouble } from './finding.ts';
import type { Surroundings } from './look-around.ts';

/** One finding for each program that a served model of this host uses and that is found. Missing ones are the model's finding. */
export async function examinePrograms(invocation: Invocation, { offers }: Surroundings): Promise<readonly Finding[]> {
  const entries = offers.flatMap(({ entry, state }) => (entry !== null && state.kind === 'served' ? [entry] : []));
  const used = Object.fromEntries(Object.entries(ADAPTERS).filter(([name]) => entries.some(({ adapter }) => adapter === name)));
  const found = await detectAgents({ adapters: used, operatorEnv: invocation.env, clock: systemClock });
  return found.map((agent) =>
    judge(
      agent,
      entries.some(({ adapter, command }) => adapter === agent.adapter && command.length === 0),
    ),
  );
}

/** `byName`: a model starts it by its name, so it has to be on the PATH. */
function judge({ adapter, version, path, signedIn, advice, onPath, verified }: FoundAgent, byName: boolean): Finding {
  const name = `program ${adapter}`;
  const what = `${version ?? 'of unknown version'} at ${path}${verified ? '' : ' (known from its documentation only)'}`;
  if (!onPath && byName)
    return trouble('warn', name, {
      says: `${what}, which is not on the PATH here`,
      fix: `command: [${JSON.stringify(path)}] in models.yaml`,
    });
  if (signedIn === 'no') return trouble('warn', name, { says: `${what}, not signed in`, fix: advice });
  return fine(name, `${what}, ${signedIn === 'yes' ? 'signed in' : 'whether it is signed in cannot be seen'}`);
}
