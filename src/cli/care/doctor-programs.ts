/** What `doctor` finds of the agent programs behind this host's models. */
import { PATIENT_MS } from '../../agents/detect.ts';
import { lookAtPrograms } from '../look/agent-programs.ts';
import { formatFix } from '../../base/fix.ts';
import type { Invocation } from '../command.ts';
import { type Finding, fine, trouble } from './finding.ts';
import type { Surroundings } from '../look/look-around.ts';

/** One finding for each program that is found. Missing ones are the finding of their model. */
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
  });
  return programs.map(({ adapter, usedBy, says, fix }) =>
    fix === null || usedBy.length === 0
      ? fine(
          `program ${adapter}`,
          fix === null ? says : `${says}; no model starts it: ${formatFix(fix)}`,
        )
      : trouble('warn', `program ${adapter}`, { says, fix }),
  );
}
