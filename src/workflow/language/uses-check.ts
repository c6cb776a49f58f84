/** Steps that run saved workflows: that these exist, fit what they are given, and end. */
import { workflowFile } from '../../protocol/paths.ts';
import { readFrontMatter } from '../../protocol/front-matter.ts';
import { readYamlMapping } from '../../protocol/yaml.ts';
import { asJson, isJsonObject, type JsonObject } from './json.ts';
import { coerceInput, decodeInputs, describeInput } from './input-decode.ts';
import type { Step } from './plan.ts';
import { didYouMean, type Report } from './read-keys.ts';

type SavedWorkflow = (name: string) => string | null;

/** Reports what is wrong with the child runs of these steps. */
export function checkUses(all: readonly Step[], saved: SavedWorkflow, report: Report): void {
  for (const { body, place, when, each } of all) {
    if (body.kind !== 'uses') continue;
    const text = saved(body.name);
    if (text === null) {
      report(
        [...place, 'uses'],
        `there is no saved workflow "${body.name}"`,
        meantWorkflow(body.name, saved),
      );
      continue;
    }
    const raw = rawOf(text);
    const circle = when === null && each === null ? circleFrom(body.name, saved) : null;
    if (circle !== null) report([...place, 'uses'], `these workflows use each other: ${circle}`);
    checkGiven(raw, body, (message, suggestion) => report([...place, 'with'], message, suggestion));
  }
}

/** The name meant by a path, an ending or capital letters; else where the file would be. */
export function meantWorkflow(name: string, saved: SavedWorkflow): string {
  const bare = (name.split('/').at(-1) ?? '').replace(/\.md$/i, '').toLowerCase();
  return bare !== name && saved(bare) !== null ? `did you mean "${bare}"?` : workflowFile(bare);
}

function checkGiven(
  raw: JsonObject,
  { name, with: given }: { readonly name: string; readonly with: JsonObject },
  say: (message: string, suggestion?: string | null) => void,
): void {
  const inputs = decodeInputs({ raw, path: [], report: () => undefined });
  const names = inputs.map((input) => input.name);
  for (const key of Object.keys(given))
    if (!names.includes(key))
      say(
        `"${name}" has no input "${key}"`,
        didYouMean(key, names) ?? `inputs: ${names.length === 0 ? 'none' : names.join(', ')}`,
      );
  for (const input of inputs) {
    const value = given[input.name];
    if (value === undefined) {
      if (input.required && input.fallback === undefined)
        say(`the input "${input.name}" of "${name}" is missing`);
      continue;
    }
    // What an expression gives is known only when it runs.
    if (JSON.stringify(value).includes('${{')) continue;
    if (coerceInput(input, value) === undefined)
      say(`the input "${input.name}" of "${name}" must be ${describeInput(input)}`);
  }
}

/** `a → b → a` when a workflow always runs itself in the end, or null. */
function circleFrom(name: string, saved: SavedWorkflow): string | null {
  const seen = new Set<string>();
  const walk = (at: string, path: readonly string[]): string | null => {
    if (path.includes(at)) return [...path, at].join(' → ');
    const text = seen.has(at) ? null : saved(at);
    seen.add(at);
    if (text === null) return null;
    return usedBy(rawOf(text)).reduce<string | null>(
      (found, next) => found ?? walk(next, [...path, at]),
      null,
    );
  };
  return walk(name, []);
}

/** Workflows that steps run in any case: `if` and lists may bring recursion to an end. */
function usedBy(raw: JsonObject): readonly string[] {
  return ['steps', 'finally'].flatMap((key) => {
    const steps = raw[key];
    if (!isJsonObject(steps)) return [];
    return Object.values(steps).flatMap((step) => {
      if (!isJsonObject(step) || MAY_END.some((word) => step[word] !== undefined)) return [];
      return [...(typeof step['uses'] === 'string' ? [step['uses']] : []), ...usedBy(step)];
    });
  });
}

const MAY_END = ['if', 'each', 'matrix'];

function rawOf(text: string): JsonObject {
  const read = readFrontMatter(Buffer.from(text, 'utf8'));
  const yaml = read.kind === 'read' ? readYamlMapping(read.yaml, 'typed') : null;
  const raw = yaml?.kind === 'mapping' ? asJson(yaml.value) : undefined;
  return isJsonObject(raw) ? raw : {};
}
