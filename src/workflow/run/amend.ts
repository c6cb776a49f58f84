/** Changes a plan while its run continues: only steps that have not started may differ. */
import { writeYaml } from '../../protocol/yaml.ts';
import { type Handled, refuse } from './controls.ts';
import { hasBelow } from './fold-context.ts';
import { findMapping, isJsonObject, type JsonObject, parseJson } from '../language/json.ts';
import { checkOptions, hashOf } from './open-run.ts';
import type { Plan, Step } from '../language/plan.ts';
import { lastAmendment } from './plan-in-force.ts';
import { KEYS } from '../language/keys.ts';
import { descendantsOf } from '../language/reach.ts';
import type { NewFile, Transition } from './run-input.ts';
import type { Control } from './run-messages.ts';
import {
  type CheckedPlan,
  checkRaw,
  completeRaw,
  formatProblem,
  readSource,
} from '../language/source.ts';
import {
  amendPath,
  firstPlanPath,
  gateFolder,
  planFolder,
  folderOfStep,
} from '../../protocol/run-paths.ts';
import type { Fold } from './fold.ts';

/** The answer to `op: amend`: its body is the new plan, whole or the keys that change. */
export function amendBy(fold: Fold, current: JsonObject): (control: Control) => Handled {
  return (control) => {
    // Two plans would be in force at once: this one, and the one that a model is making.
    if (!fold.input.files.has(firstPlanPath(fold.root)))
      return refuse('there is no plan yet: a model still makes it; amend it then');
    const { body } = control.message;
    const source = body.trimStart().startsWith('---') ? readSource(body.trimStart()) : null;
    const found =
      source === null
        ? findMapping(body)
        : { value: source.raw, why: source.problems.map(formatProblem).join('; ') };
    if (found.value === null || Object.keys(found.value).length === 0)
      return refuse(`no plan in the message: ${found.why}`);
    const unknown = Object.keys(found.value).filter(
      (key) => !(KEYS.run as readonly string[]).includes(key),
    );
    if (unknown.length > 0) return refuse(`unknown key "${unknown.join('", "')}"`);
    const judged = checkAmendment(fold, { ...current, ...found.value });
    if (typeof judged === 'string') return refuse(`unsafe: ${judged}`);
    return { says: 'Amended.', isRefused: false, files: [nextAmendment(fold, judged.raw)] };
  };
}

/**
 * The transition that follows a changed saved workflow (`follow: true`), or null. What is unsafe is
 * noted once per version.
 */
export function followSaved(fold: Fold): Transition | null {
  const { source } = fold.header;
  if (!fold.plan.follow || source.name === null) return null;
  const text = fold.input.lookUp.savedWorkflow(source.name);
  if (text === null || hashOf(text) === source.hash) return null;
  const note = followNote(fold.root, text);
  if (fold.input.files.has(note)) return null;
  const saved = readSource(text);
  const judged =
    saved.problems.length > 0
      ? saved.problems.map(formatProblem).join('; ')
      : checkAmendment(fold, saved.raw);
  const why = typeof judged === 'string' ? judged : null;
  const noted = {
    path: note,
    content: `${JSON.stringify(why === null ? { followed: source.name } : { unsafe: why }, null, 2)}\n`,
  };
  return typeof judged === 'string'
    ? {
        name: `follow ${source.name} (unsafe)`,
        words: `keep to the plan; the changed ${source.name} does not fit: ${judged}`,
        isNews: true,
        files: [noted],
      }
    : {
        name: `follow ${source.name}`,
        words: `change the plan to the new ${source.name}`,
        files: [noted, nextAmendment(fold, judged.raw)],
      };
}

/** Where it is noted what became of a version of the saved workflow. */
function followNote(root: string, text: string): string {
  return `${planFolder(root)}follow-${hashOf(text).slice(0, 12)}.json`;
}

/** Why the run does not follow its saved workflow as that stands now, or null. */
export function unfollowed({ header, input, root }: Fold): string | null {
  const { name } = header.source;
  const text = name === null ? null : input.lookUp.savedWorkflow(name);
  const noted =
    text === null ? undefined : parseJson(input.files.get(followNote(root, text)) ?? '');
  return isJsonObject(noted) && typeof noted['unsafe'] === 'string' ? noted['unsafe'] : null;
}

function checkAmendment(fold: Fold, raw: JsonObject): CheckedPlan | string {
  const options = checkOptions(fold.input);
  const checked = checkRaw(completeRaw(raw, options.schemaFile), options, () => ({ line: 0 }));
  if (checked.problems.length > 0) return checked.problems.map(({ message }) => message).join('; ');
  const started = unsafeSteps(fold, checked.plan);
  return started.length > 0
    ? `${started.map((id) => `"${id}"`).join(', ')} started already`
    : checked;
}

/** Steps that differ, or that follow one that differs, and have files already. */
function unsafeSteps(fold: Fold, next: Plan): readonly string[] {
  const [before, after] = [
    [...fold.plan.steps, ...fold.plan.final],
    [...next.steps, ...next.final],
  ];
  const differs = (step: Step): boolean =>
    after.find((each) => each.id === step.id)?.source !== step.source;
  const changed = before.filter(differs).map((step) => step.id);
  const touched = new Set([...changed, ...changed.flatMap((id) => [...descendantsOf(id, before)])]);
  const isStarted = (id: string): boolean =>
    hasBelow(fold, folderOfStep(fold.root, id)) || hasBelow(fold, gateFolder(fold.root, id, 1));
  return before.map((step) => step.id).filter((id) => touched.has(id) && isStarted(id));
}

function nextAmendment(fold: Fold, raw: JsonObject): NewFile {
  return {
    path: amendPath(fold.root, lastAmendment(fold.input.files, fold.root) + 1),
    content: writeYaml(raw),
  };
}
