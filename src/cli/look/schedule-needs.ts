/** Saved workflows that should start by the clock and cannot: nobody else would say it. */
import { WORKFLOWS } from '../../protocol/paths.ts';
import { readFolder } from '../../transport/read-folder.ts';
import { scheduleProblem } from '../../workflow/run/schedule.ts';
import type { Surroundings } from './look-around.ts';
import type { Need } from './status-needs.ts';

/** One need for each saved workflow whose schedule cannot be read or never comes. */
export async function needsOfSchedules({ session, index }: Surroundings): Promise<readonly Need[]> {
  const { tip } = index;
  if (tip === null) return [];
  const files = await readFolder(session.repository, { commit: tip, folder: WORKFLOWS }, new Map());
  return [...files].flatMap(([path, text]): Need[] => {
    const name = /^data\/workflows\/([^/]+)\.md$/.exec(path)?.[1];
    const problem = name === undefined ? null : scheduleProblem(text);
    if (name === undefined || problem === null) return [];
    const reason = { kind: 'schedule', path, name, problem } as const;
    return [{ reason, of: null, about: [], count: 0 }];
  });
}
