/** Which plan a run goes by: PLAN.yaml, or the last change of it. */
import { readYamlMapping } from '../../protocol/yaml.ts';
import { asJson, isJsonObject } from '../language/json.ts';
import { type CheckedPlan, checkRaw } from '../language/source.ts';
import { rememberText } from './text-memo.ts';
import { amendPath, firstPlanPath } from '../../protocol/run-paths.ts';

type Files = ReadonlyMap<string, string>;

/**
 * The last amendment, else PLAN.yaml; null when there is none or it is damaged. `root` ends with a
 * slash.
 */
export function planInForce(files: Files, root: string): CheckedPlan | null {
  const text =
    files.get(amendPath(root, lastAmendment(files, root))) ?? files.get(firstPlanPath(root));
  return text === undefined ? null : readPlan(text);
}

/** The number of the last amendment; 1 when there is none. */
export function lastAmendment(files: Files, root: string): number {
  let n = 1;
  while (files.has(amendPath(root, n + 1))) n += 1;
  return n;
}

const readPlan = rememberText((text): CheckedPlan | null => {
  const read = readYamlMapping(text, 'typed');
  const raw = read.kind === 'mapping' ? asJson(read.value) : undefined;
  // Models are not checked again: a plan stays valid when a host goes away.
  return isJsonObject(raw)
    ? checkRaw(raw, { models: null, served: new Map() }, () => ({ line: 0 }))
    : null;
});
