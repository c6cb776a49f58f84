/**
 * Reading JSON that other programs wrote: whatever is not as expected is null, nothing throws.
 * Pure.
 */
import { ownValue } from '../base/own-value.ts';
import { isMapping } from '../protocol/yaml.ts';

export type JsonRecord = Readonly<Record<string, unknown>>;

/** The value of a JSON text, or null for any other text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The object of a JSON text, or null when it is anything else. */
export function parseRecord(text: string): JsonRecord | null {
  const value = parseJson(text);
  return isMapping(value) ? value : null;
}

/**
 * The objects of a text with a JSON value a line, in lists of them, and of values that are printed
 * over several lines; other text in a line is left out.
 */
export function parseRecords(text: string): readonly JsonRecord[] {
  return unfold(text.split('\n')).flatMap(recordsOfLine);
}

/** How many values that look spread over lines are tried to be put together. */
const SPREAD_MAX = 64;

/** Each value that begins with a bracket alone on its line, joined to one line. */
function unfold(lines: readonly string[]): readonly string[] {
  const joined: string[] = [];
  let tries = 0;
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const close = { '{': '}', '[': ']' }[line.trimEnd()];
    const end =
      close === undefined || tries >= SPREAD_MAX
        ? -1
        : lines.findIndex((each, at) => at > index && each.trimEnd() === close);
    if (close !== undefined) tries += 1;
    const whole = end < 0 ? line : lines.slice(index, end + 1).join(' ');
    const isValue = end > 0 && parseJson(whole) !== null;
    joined.push(isValue ? whole : line);
    if (isValue) index = end;
  }
  return joined;
}

/** The object of a line, also of one that begins or ends with something else; null when none. */
export function recordOfLine(line: string): JsonRecord | null {
  return isPart(line) ? null : (recordsOfLine(line)[0] ?? null);
}

/** A line from within a value: it begins with a key, or another one follows it. */
function isPart(line: string): boolean {
  return /^\s+["{[\]}]/.test(line) || line.trimEnd().endsWith(',');
}

/** A longer line is not searched for a record that something else was printed before or after. */
const GLUED_LINE_MAX = 65_536;

function recordsOfLine(line: string): readonly JsonRecord[] {
  if (!line.includes('{')) return [];
  const whole = isBracketed(line) ? parseJson(line) : null;
  if (whole === null && line.length > GLUED_LINE_MAX) return [];
  return (whole === null ? jsonValues(line) : [whole]).flat().filter(isMapping);
}

/** Whether it can be one object or list: a refusal by the parser costs an exception. */
function isBracketed(text: string): boolean {
  return /^\s*[{[]/.test(text) && /[}\]]$/.test(text.trimEnd());
}

/** The lines of a text without a JSON object: what a program says outside its format. */
export function otherLines(text: string): string {
  return text
    .split('\n')
    .filter((line) => recordOfLine(line) === null)
    .join('\n');
}

/** How many places may look like the beginning of a value and be none. */
const FALSE_STARTS_MAX = 32;

/** The JSON objects and lists in a text, whatever stands before, between and after them. */
export function jsonValues(text: string): readonly unknown[] {
  const whole = isBracketed(text) ? parseJson(text) : null;
  if (typeof whole === 'object' && whole !== null) return [whole];
  const values: unknown[] = [];
  let falseStarts = 0;
  let from = 0;
  while (falseStarts < FALSE_STARTS_MAX) {
    const start = nextStart(text, from);
    if (start < 0) break;
    const end = endOfValue(text, start);
    const value = end < 0 ? null : parseJson(text.slice(start, end));
    if (value === null) falseStarts += 1;
    else values.push(value);
    from = value === null ? start + 1 : end;
  }
  return values;
}

/** Where a `{` or `[` stands that JSON could continue from. */
function nextStart(text: string, from: number): number {
  const start = /[{[]\s{0,40}["{[\]}\d-]/g;
  start.lastIndex = from;
  return start.exec(text)?.index ?? -1;
}

/** The index after the bracket that closes the one at `start`, or -1. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  let isText = false;
  for (let index = start; index < text.length; index += 1) {
    const sign = text[index];
    if (isText && sign === '\\') index += 1;
    else if (sign === '"') isText = !isText;
    else if (isText) continue;
    else if (sign === '{' || sign === '[') depth += 1;
    else if (sign === '}' || sign === ']') depth -= 1;
    if (depth === 0) return index + 1;
  }
  return -1;
}

/** What stands at a path of keys, or undefined. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (isMapping(inner) ? ownValue(inner, key) : undefined),
    value,
  );
}

/** The text at a path, or null. */
export function textAt(value: unknown, ...path: readonly string[]): string | null {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : null;
}

/** The finite number at a path, or null. */
export function numberAt(value: unknown, ...path: readonly string[]): number | null {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) ? found : null;
}

/** The list at a path; empty when there is none. */
export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as unknown[]) : [];
}

/** The sum of what is known; null when nothing is. */
export function sum(numbers: readonly (number | null)[]): number | null {
  const known = numbers.filter((number) => number !== null);
  return known.length === 0 ? null : known.reduce((total, number) => total + number, 0);
}

/** The texts of a message's content blocks (`[{type: "text", text}]`), or of a plain text. */
export function blockText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const texts = (content as unknown[]).map((block) =>
    textAt(block, 'type') === 'text' ? textAt(block, 'text') : null,
  );
  return texts.filter((text) => text !== null).join('');
}
