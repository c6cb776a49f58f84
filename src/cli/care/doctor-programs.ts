/** What `doctor` finds of the agent programs behind this host's models. */
import { PATIENT_MS } from '../../agents/detect.ts';
import { lookAtPrograms } from '../look/agent-programs.ts';
import type { Invocation } from '../command.ts';
import { type Finding, fine, trouble } from './finding.ts';
import type { Surroundings } from '../look/look-around.ts';

/**
 * One finding for each program that a served model of this host uses and that is found. Missing
 * ones are the model's finding.
 */
export async function examinePrograms(
  invocation: Invocation,
  { offers }: Surroundings,
): Promise<readonly Finding[]> {
  const entries = offers.flatMap(({ entry, state }) =>
    entry !== null && state.kind === 'served' ? [entry] : [],
  );
  const programs = await lookAtPrograms(invocation.env, {
    entries,
    limitMs: PATIENT_MS,
    onlyUsed: true,
  });
  return programs.map(({ adapter, says, fix }) =>
    fix === null
      ? fine(`program ${adapter}`, says)
      : trouble('warn', `program ${adapter}`, { says, fix }),
  );
}
