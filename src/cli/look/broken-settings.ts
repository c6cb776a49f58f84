/**
 * Files of the transport beside models.yaml that hosts judge by: a version that cannot be read
 * changes nothing, so its author must know.
 */
import { decodeBudgets } from '../../protocol/budgets.ts';
import { decodeTransport } from '../../protocol/pace.ts';
import { BUDGETS_FILE, PEOPLE_FILE, TRANSPORT_FILE } from '../../protocol/paths.ts';
import { decodePeople } from '../../protocol/people.ts';
import type { ReasonOf } from '../../protocol/reason.ts';
import type { FileProblem } from '../../protocol/take.ts';
import { readTextAt } from '../../transport/read-text.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** What is wrong with the text of such a file, by its path. */
export const SETTINGS: ReadonlyMap<string, (text: string) => readonly FileProblem[]> = new Map([
  [BUDGETS_FILE, (text: string) => decodeBudgets(text).problems],
  [PEOPLE_FILE, (text: string) => decodePeople(text).problems],
  [TRANSPORT_FILE, (text: string) => decodeTransport(text).problems],
]);

/** The first problem of each that stands at the tip and has one. */
export async function findBrokenSettings({
  repository,
  mirror,
}: TransportSession): Promise<readonly ReasonOf<'models-unreadable'>[]> {
  const { tip } = mirror.index();
  if (tip === null) return [];
  const found = await Promise.all(
    [...SETTINGS].map(async ([path, problemsOf]) => {
      const text = await readTextAt(repository, tip, path);
      const [problem] = text === null ? [] : problemsOf(text);
      return problem === undefined
        ? []
        : [{ kind: 'models-unreadable', path, ...problem } as const];
    }),
  );
  return found.flat();
}
