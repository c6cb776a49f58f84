/**
 * JSON values as the workflow code carries them, and the JSON that stands somewhere in an agent's
 * answer.
 */
import { parseJson as parseValue } from '../../base/parse-json.ts';
import { byCodeUnit } from '../../base/order.ts';
import { isMapping, readYamlMapping } from '../../protocol/yaml.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

const DEPTH_MAX = 64;
/** Values of one answer that are tried. */
const VALUES_MAX = 16;
/** Characters looked at in search of a balanced object; hostile text ("{{{{…") stops here. */
const SCAN_CHARS_MAX = 8_000_000;

/** The value as JSON, or undefined when it holds anything JSON has no word for. */
export function asJson(value: unknown, depth = 0): Json | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (depth > DEPTH_MAX) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => asJson(item, depth + 1));
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  if (!isMapping(value)) return undefined;
  const pairs = Object.entries(value).map(
    ([key, inner]) => [key, asJson(inner, depth + 1)] as const,
  );
  return pairs.every((pair): pair is readonly [string, Json] => pair[1] !== undefined)
    ? withoutPrototype(pairs)
    : undefined;
}

/** Only own keys exist: nobody's `toString` is found where a stranger's key is looked up. */
function withoutPrototype(pairs: readonly (readonly [string, Json])[]): JsonObject {
  const own = Object.create(null) as Record<string, Json>;
  for (const [key, value] of pairs) own[key] = value;
  return own;
}

/** True for a JSON object. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for a JSON list. */
export function isJsonList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** JSON text with the keys of every object in code-unit order: equal values give equal text. */
export function canonicalJson(value: Json): string {
  if (isJsonList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const pairs = Object.entries(value).sort(([a], [b]) => byCodeUnit(a, b));
  return `{${pairs.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`;
}

/** The JSON in `text`, or undefined when it is not JSON. */
export function parseJson(text: string): Json | undefined {
  return asJson(parseValue(text));
}

/**
 * The JSON values an answer may mean, the likeliest first: the whole text; else what stands in
 * fences, the last before the others; then objects and at last lists within the text, the last
 * before the others ("[1]" in prose is a footnote). At most VALUES_MAX.
 */
export function jsonValues(text: string): readonly Json[] {
  const whole = parseJson(text.trim());
  if (whole !== undefined) return [whole];
  const fenced = fencesOf(text)
    .slice(-VALUES_MAX)
    .reverse()
    .flatMap((fence) => {
      const value = parseJson(fence.trim());
      return value === undefined ? [] : [value];
    });
  const balanced = balancedValues(text).reverse();
  const objects = balanced.filter(isJsonObject);
  const lists = balanced.filter(isJsonList);
  return [...fenced, ...objects, ...lists].slice(0, VALUES_MAX);
}

/** The mapping an answer gives as JSON or as YAML (whole or in a fence), or why there is none. */
export function findMapping(text: string): {
  readonly value: JsonObject | null;
  readonly why: string;
} {
  const json = jsonValues(text).find(isJsonObject);
  if (json !== undefined) return { value: json, why: '' };
  let why = 'no JSON or YAML mapping was found in the answer';
  for (const candidate of [...fencesOf(text).reverse(), text]) {
    const read = readYamlMapping(candidate, 'typed');
    if (read.kind === 'refused') {
      why = `line ${String(read.line)}: ${read.why}`;
      continue;
    }
    const value = asJson(read.value);
    if (isJsonObject(value) && Object.keys(value).length > 0) return { value, why: '' };
  }
  return { value: null, why };
}

/** The contents of the ``` fences of a text, in order. */
function fencesOf(text: string): string[] {
  const fences: string[] = [];
  let open: string[] | null = null;
  for (const line of text.split('\n')) {
    if (!/^\s*```/.test(line)) open?.push(line);
    else if (open === null) open = [];
    else {
      fences.push(open.join('\n'));
      open = null;
    }
  }
  return fences;
}

/** Every balanced object and list of a text that is not inside another one, in order. */
function balancedValues(text: string): Json[] {
  const found: Json[] = [];
  let budget = SCAN_CHARS_MAX;
  for (let start = 0; start < text.length && budget > 0; start += 1) {
    const first = text.charAt(start);
    if (first !== '{' && first !== '[') continue;
    const end = balancedEnd(text, start);
    budget -= (end ?? text.length) - start;
    if (end === null) continue;
    const value = parseJson(text.slice(start, end));
    if (value === undefined) continue;
    found.push(value);
    start = end - 1;
  }
  return found;
}

/** The index after the bracket that closes the one at `start`, or null. */
function balancedEnd(text: string, start: number): number | null {
  const stack: string[] = [];
  let inString = false;
  for (let at = start; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (inString) {
      if (char === '\\') at += 1;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{') stack.push('}');
    else if (char === '[') stack.push(']');
    else if (char === '}' || char === ']') {
      if (stack.pop() !== char) return null;
      if (stack.length === 0) return at + 1;
    }
  }
  return null;
}
