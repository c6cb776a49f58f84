/**
 * Where a plan comes from: a marker with `steps:`, a saved workflow, or a model's answer. All three
 * become one raw mapping, complete in itself: prompts out of `## <step>` sections, schemas out of
 * their files. That mapping is what PLAN.yaml freezes.
 */
import { readFrontMatter } from '../../protocol/front-matter.ts';
import { DATA, WORKFLOWS } from '../../protocol/paths.ts';
import { isMapping, placeOfKey, readYamlMapping } from '../../protocol/yaml.ts';
import { asJson, isJsonObject, type Json, type JsonObject, parseJson } from './json.ts';
import { checkPlan, type CheckOptions } from './plan-check.ts';
import { KEYS } from './keys.ts';
import { decodePlan } from './plan-decode.ts';
import type { Plan, Problem } from './plan.ts';
import { didYouMean, type Report } from './read-keys.ts';

/** A raw mapping and where its keys stand. */
export interface Source {
  readonly raw: JsonObject;
  readonly placeOf: (path: readonly string[]) => Place;
  readonly problems: readonly Problem[];
}

/** Of a problem. */
type Place = Pick<Problem, 'line' | 'column'>;

/** A plan that may be run when `problems` is empty. */
export interface CheckedPlan {
  readonly plan: Plan;
  readonly raw: JsonObject;
  readonly problems: readonly Problem[];
}

/** Reads a workflow file: front matter and prompt sections. */
export function readSource(text: string): Source {
  const read = readFrontMatter(Buffer.from(text, 'utf8'));
  if (read.kind === 'rejected') {
    const { line, column, found, expected } = read.rejection;
    const place = { line, ...(column === undefined ? {} : { column }) };
    return {
      raw: {},
      placeOf: () => place,
      problems: [{ ...place, message: `found ${found}`, suggestion: `expected ${expected}` }],
    };
  }
  return sourceOf(read);
}

/** The same for front matter that is already split off; `yaml` begins on line 2 of the file. */
export function sourceOf({ yaml, body }: { readonly yaml: string; readonly body: string }): Source {
  const read = readYamlMapping(yaml, 'typed');
  const value = read.kind === 'mapping' ? asJson(read.value) : undefined;
  if (!isJsonObject(value)) {
    const problem: Problem =
      read.kind === 'refused'
        ? {
            line: read.line + 1,
            column: read.column,
            message: `found ${read.why}`,
            suggestion: `expected ${read.remedy}`,
          }
        : notJson(yaml, read.value);
    return { raw: {}, placeOf: () => ({ line: problem.line }), problems: [problem] };
  }
  const bodyLine = yaml.split('\n').length + (yaml.endsWith('\n') || yaml === '' ? 2 : 3) - 1;
  const sections = sectionsOf(body, [...stepIds(value['steps']), ...stepIds(value['finally'])]);
  const placeOf = (path: readonly string[]): Place => {
    const at = path.at(-1) === 'prompt' ? sections.get(path.at(-2) ?? '')?.line : undefined;
    if (at !== undefined) return { line: bodyLine + at };
    const { line, column } = placeOfKey(yaml, path);
    return { line: line + 1, column };
  };
  const raw = {
    ...value,
    ...placed('steps', value, sections),
    ...placed('finally', value, sections),
  };
  return { raw, placeOf, problems: [] };
}

/** Which value JSON has no word for. */
function notJson(yaml: string, value: unknown): Problem {
  const path: string[] = [];
  for (let at = value; isMapping(at);) {
    const [key, inner] = Object.entries(at).find((pair) => asJson(pair[1]) === undefined) ?? [];
    if (key === undefined) break;
    path.push(key);
    at = inner;
  }
  const { line, column } = placeOfKey(yaml, path);
  return {
    line: line + 1,
    column,
    message: `"${path.at(-1) ?? ''}" is neither text nor a number that is one`,
    suggestion: null,
  };
}

/** The complete raw plan: only plan keys, schema files read in. */
export function completeRaw(
  raw: JsonObject,
  schemaFile: (path: string) => string | null,
): JsonObject {
  const kept = Object.fromEntries(
    KEYS.run.flatMap((key) => (raw[key] === undefined ? [] : [[key, raw[key]]])),
  );
  const inline = (value: Json): Json => {
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([id, step]) => [id, isJsonObject(step) ? inlineStep(step) : step]),
    );
  };
  const inlineStep = (step: JsonObject): JsonObject => ({
    ...step,
    ...(typeof step['schema'] === 'string'
      ? { schema: readSchema(step['schema'], schemaFile) }
      : {}),
    ...(step['steps'] === undefined ? {} : { steps: inline(step['steps']) }),
    ...(isJsonObject(step['join']) ? { join: inlineStep(step['join']) } : {}),
    ...(isJsonObject(step['ask']) ? { ask: inlineStep(step['ask']) } : {}),
  });
  const inlined = ['steps', 'finally'].flatMap((key) =>
    kept[key] === undefined ? [] : [[key, inline(kept[key])] as const],
  );
  return { ...kept, ...Object.fromEntries(inlined) };
}

/** Decodes and checks a complete raw plan. */
export function checkRaw(
  raw: JsonObject,
  options: CheckOptions,
  placeOf: (path: readonly string[]) => Place,
): CheckedPlan {
  const problems: Problem[] = [];
  const report: Report = (path, message, suggestion = null) => {
    const place = placeOf(path);
    const isTold = ({ line, message: told }: Problem): boolean =>
      line === place.line && told === message;
    if (!problems.some(isTold)) problems.push({ ...place, message, suggestion });
  };
  const plan = decodePlan(raw, report);
  if (raw['steps'] === undefined)
    report([], 'a workflow needs "steps"', didYouMean('steps', Object.keys(raw)));
  else checkPlan(plan, options, report);
  return { plan, raw, problems: [...problems].sort((a, b) => a.line - b.line) };
}

/** `line 7: unknown key "need" (did you mean "needs"?)`. */
export function formatProblem({ line, message, suggestion }: Problem): string {
  return `line ${String(line)}: ${message}${suggestion === null ? '' : ` (${suggestion})`}`;
}

interface Section {
  readonly text: string;
  /** 0-based line within the body. */
  readonly line: number;
}

/**
 * The `## <id>` sections whose heading names a known step (or `<step>.join`); other headings belong
 * to the prompt they stand in.
 */
function sectionsOf(body: string, ids: readonly string[]): ReadonlyMap<string, Section> {
  const sections = new Map<string, Section>();
  let current: { id: string; line: number; lines: string[] } | null = null;
  let isFenced = false;
  const close = (): void => {
    if (current !== null)
      sections.set(current.id, { text: current.lines.join('\n').trim(), line: current.line });
  };
  for (const [line, text] of body.split('\n').entries()) {
    if (/^\s*```/.test(text)) isFenced = !isFenced;
    const id = isFenced ? undefined : /^##\s+([a-z][a-z0-9_-]*(?:\.join)?)\s*$/.exec(text)?.[1];
    if (id !== undefined && ids.includes(id.replace(/\.join$/, ''))) {
      close();
      current = { id, line, lines: [] };
    } else current?.lines.push(text);
  }
  close();
  return sections;
}

function stepIds(steps: Json | undefined): readonly string[] {
  if (!isJsonObject(steps)) return [];
  return Object.entries(steps).flatMap(([id, step]) => [
    id,
    ...(isJsonObject(step) ? stepIds(step['steps']) : []),
  ]);
}

function placed(key: string, raw: JsonObject, sections: ReadonlyMap<string, Section>): JsonObject {
  const steps = raw[key];
  return isJsonObject(steps) ? { [key]: placeSections(steps, sections) } : {};
}

function placeSections(steps: JsonObject, sections: ReadonlyMap<string, Section>): JsonObject {
  return Object.fromEntries(
    Object.entries(steps).map(([id, step]): [string, Json] => {
      const own: Json = step === null ? {} : step;
      if (!isJsonObject(own)) return [id, own];
      const [section, joinSection] = [sections.get(id), sections.get(`${id}.join`)];
      const join = own['join'];
      return [
        id,
        {
          ...own,
          ...(section === undefined || own['prompt'] !== undefined ? {} : { prompt: section.text }),
          ...(joinSection !== undefined && isJsonObject(join) && join['prompt'] === undefined
            ? { join: { ...join, prompt: joinSection.text } }
            : {}),
          ...(isJsonObject(own['steps']) ? { steps: placeSections(own['steps'], sections) } : {}),
        },
      ];
    }),
  );
}

function readSchema(path: string, schemaFile: (path: string) => string | null): Json {
  for (const candidate of [path, `${DATA}/${path}`, `${WORKFLOWS}/${path}`]) {
    const text = schemaFile(candidate);
    if (text === null) continue;
    const json = parseJson(text);
    if (json !== undefined) return json;
    const yaml = readYamlMapping(text, 'typed');
    const value = yaml.kind === 'mapping' ? asJson(yaml.value) : undefined;
    if (value !== undefined) return value;
  }
  return path;
}
