/** What `lint` says of a workflow: of a saved one, and of the marker that would start one. */
import { readFolder } from '../../transport/read-folder.ts';
import { SCHEMAS, workflowFile, WORKFLOWS } from '../../protocol/paths.ts';
import type { Rejection } from '../../protocol/rejection.ts';
import { checkWorkflow } from '../../workflow/language/check.ts';
import type { TransportSession } from '../session/transport-session.ts';

/**
 * Everything that is wrong with it, by what is pushed. Models are no part of it: `workflow check`
 * knows who is served.
 */
export async function workflowProblems(
  session: TransportSession | null,
  text: string,
): Promise<readonly Rejection[]> {
  const tip = session?.mirror.index().tip ?? null;
  // Without a transport nothing is known that it may use.
  if (session === null || tip === null) return [];
  const read = (folder: string): Promise<ReadonlyMap<string, string>> =>
    readFolder(session.repository, { commit: tip, folder }, new Map());
  const [workflows, schemas] = await Promise.all([read(WORKFLOWS), read(SCHEMAS)]);
  const { errors } = checkWorkflow(text, {
    models: null,
    served: new Map(),
    savedWorkflow: (name) => workflows.get(workflowFile(name)) ?? null,
    schemaFile: (path) => workflows.get(path) ?? schemas.get(path) ?? null,
  });
  return errors.map(({ line, message, suggestion }) => ({
    line,
    found: suggestion === null ? message : `${message} (${suggestion})`,
    expected: 'a workflow as docs/workflow-language.md describes it',
  }));
}
