/**
 * Explains invalid YAML to a person who looks at the line. The parser reports where it gave up,
 * which is often not where the mistake is. Linear in the text. Pure.
 */
import { ownValue } from '../base/own-value.ts';

/** Where a text is not YAML of ours, what is there, and what would be right. */
export interface YamlFault {
  /** 1-based. */
  readonly line: number;
  readonly column: number;
  readonly why: string;
  readonly remedy: string;
}

/** Where the parser gave up (1-based) and what it says of it. */
export interface GaveUp {
  readonly line: number;
  readonly column: number;
  readonly reason: string;
}

const LINE_CHARS_MAX = 4_096;
const QUOTED_CHARS_MAX = 60;
/** Characters that look like a space, and characters that nobody sees. */
const ODD = /[\u00a0\u00ad\u2000-\u200f\u2028\u2029\u202f\u205f-\u2064\u3000\ufeff]/;

/** The first character of a text that looks like another or like nothing; null = none. */
export function oddCharacter(text: string): { readonly at: number; readonly why: string } | null {
  const at = text.search(ODD);
  if (at < 0) return null;
  const code = text.charCodeAt(at).toString(16).toUpperCase().padStart(4, '0');
  const isSpace = /\s/.test(text.charAt(at)) && text.charAt(at) !== '\ufeff';
  return {
    at,
    why: isSpace
      ? `a character that only looks like a space (U+${code})`
      : `an invisible character (U+${code})`,
  };
}

/** The mistake, its place and its remedy. */
export function explainYaml(text: string, at: GaveUp): YamlFault {
  const lines = text.split('\n');
  const around = [at.line, at.line - 1].flatMap((line) => {
    const words = lines[line - 1];
    return words === undefined ? [] : [{ line, words: words.slice(0, LINE_CHARS_MAX) }];
  });
  const second = at.reason.includes('single document')
    ? lines.findIndex((words) => words.startsWith('---'))
    : -1;
  if (second >= 0)
    return {
      line: second + 1,
      column: 1,
      why: `"${short(lines[second] ?? '')}"`,
      remedy: '---, alone, to end the fields',
    };
  for (const { line, words } of around) {
    const fault = faultOfLine(words);
    if (fault !== null) return { ...fault, line };
  }
  const first = around[0]?.words ?? '';
  return (
    faultOfReason(first, at) ??
    notClosed(lines.slice(0, at.line)) ??
    around.map(({ line, words }) => faultOfValue(words, line)).find((fault) => fault !== null) ?? {
      line: at.line,
      column: at.column,
      why: at.reason,
      remedy: '"key: value" lines',
    }
  );
}

type Unplaced = Omit<YamlFault, 'line'>;

/** What the line alone shows. */
function faultOfLine(words: string): Unplaced | null {
  const indent = /^[ \t]*/.exec(words)?.[0] ?? '';
  if (indent.includes('\t'))
    return { column: indent.indexOf('\t') + 1, why: 'a tab', remedy: 'spaces: remove the tab' };
  const odd = oddCharacter(words);
  if (odd !== null)
    return {
      column: odd.at + 1,
      why: odd.why,
      remedy: 'an ordinary space, or nothing: type it again',
    };
  const control = words.search(/[\u0000-\u0008\u000b-\u001f\u007f]/);
  if (control >= 0)
    return { column: control + 1, why: 'a control character', remedy: 'the line without it' };
  const wide = words.indexOf('：');
  return wide >= 0 && !words.includes(':')
    ? { column: wide + 1, why: '"：", which is not a colon', remedy: '":" and a space' }
    : null;
}

/** What the parser's own words say for certain. */
function faultOfReason(words: string, { line, column, reason }: GaveUp): YamlFault | null {
  const place = { line, column };
  if (reason.startsWith('duplicated mapping key'))
    return {
      ...place,
      why: `"${short(words.split(':')[0]?.trim() ?? '')}:" a second time`,
      remedy: 'each key once: remove one of the two',
    };
  if (reason.startsWith('nesting exceeded'))
    return { ...place, why: 'too many levels, nested too deep', remedy: 'at most 24 levels' };
  const said = words.slice(words.indexOf(': ') + 1).trim();
  const [, item] = /^\*\s(.*)$/.exec(words.trim()) ?? [];
  if (item !== undefined)
    return {
      ...place,
      why: `"*", which begins no item`,
      remedy: /^[\w-]+:\s/.test(item) ? `the line alone: ${short(item)}` : `"-": - ${short(item)}`,
    };
  if (reason.includes('alias'))
    return {
      ...place,
      why: 'an alias',
      remedy: `the value itself: aliases are refused; text in quotes: "${short(said)}"`,
    };
  if (reason.includes('tag'))
    return {
      ...place,
      why: reason,
      remedy: `a plain value, without a tag; text in quotes: "${short(said)}"`,
    };
  if (reason.includes('escape'))
    return {
      ...place,
      why: `a "\\" in double quotes (${reason})`,
      remedy: "single quotes ('), in which it stands for itself",
    };
  if (reason.includes('quoted scalar'))
    return { ...place, why: 'a quote that is not closed', remedy: 'the same quote at its end' };
  return null;
}

const CLOSES: Readonly<Record<string, string>> = { '[': ']', '{': '}', '"': '"', "'": "'" };

/** A bracket or quote that begins a value and has no end on its line or below. */
function notClosed(lines: readonly string[]): YamlFault | null {
  for (let index = lines.length - 1; index >= 0; index -= 1) {
    const words = (lines[index] ?? '').slice(0, LINE_CHARS_MAX);
    const colon = words.indexOf(': ');
    const value = words.slice(colon < 0 ? 0 : colon + 2).trimStart();
    const open = value.charAt(0);
    const close = ownValue(CLOSES, open);
    if (close === undefined) continue;
    const rest = [value.slice(1), ...lines.slice(index + 1)];
    if (rest.some((below) => below.includes(close))) return null;
    return {
      line: index + 1,
      column: words.indexOf(open) + 1,
      why: `${open === '"' ? `'"'` : `"${open}"`} that is not closed`,
      remedy: `${open === close ? 'the same' : `"${close}"`} at the end of the value`,
    };
  }
  return null;
}

/** `key: value` lines whose value YAML reads as more than a text. */
function faultOfValue(words: string, line: number): YamlFault | null {
  const [, head = '', key = '', value = ''] = /^(\s*)([\w-]+):(.*)$/.exec(words) ?? [];
  if (key === '') {
    const said = words.trim();
    const why = `"${short(said)}", which has no "key:"`;
    return said === '' ? null : { line, column: 1, why, remedy: asField(said) };
  }
  const column = head.length + key.length + 2;
  if (value !== '' && !/^\s/.test(value))
    return {
      line,
      column,
      why: `no space after "${short(key)}:"`,
      remedy: `a space after the colon: ${short(`${key}: ${value}`)}`,
    };
  const said = value.trim();
  if (/^'[^']*'./.test(said))
    return {
      line,
      column: column + 1,
      why: 'a "\'" inside single quotes',
      remedy: `double quotes around it: ${key}: "${short(said.slice(1).replace(/'$/, ''))}"`,
    };
  const quoted = `${key}: "${short(said.replaceAll('"', "'"))}"`;
  if (said.includes(': '))
    return {
      line,
      column: column + value.indexOf(': ') - 1,
      why: '": " inside a value',
      remedy: `quotes around it: ${quoted}`,
    };
  if (said.endsWith(':'))
    return {
      line,
      column: column + value.lastIndexOf(':'),
      why: '":" at the end of a value',
      remedy: `the value without it, or in quotes: ${quoted}`,
    };
  if (/^(?:"[^"]*"|'[^']*')[^"']+$/.test(said))
    return {
      line,
      column: column + 1,
      why: 'words after the closing quote',
      remedy: `the value without quotes: ${key}: ${short(said.replace(/["']/g, ''))}`,
    };
  if (/^[@`%&*!|>[{,?\-\]}]/.test(said))
    return {
      line,
      column: column + 1,
      why: `a value that begins with "${said.charAt(0)}"`,
      remedy: `text that begins with "${said.charAt(0)}" in quotes: quote it`,
    };
  if (head !== '')
    return {
      line,
      column: 1,
      why: `spaces before "${short(key)}:"`,
      remedy: `the line without them: ${short(`${key}:${value}`)}`,
    };
  return null;
}

/** The line as a field, where it is one but for markdown or another sign between key and value. */
function asField(said: string): string {
  const bare = /^([*_`]{1,3})([\w-]{1,40})(?:\1:|:\1)\s+(\S.*)$/.exec(said);
  const other =
    /^()([\w-]{1,40})\s*(?:=>?|->)\s*(\S.*)$/.exec(said) ?? /^()(to)\s+(\S.*)$/i.exec(said);
  const [, , key, value] = bare ?? other ?? [];
  return key === undefined ? 'a line "key: value"' : `the line ${short(`${key}: ${value ?? ''}`)}`;
}

function short(text: string): string {
  return text.length > QUOTED_CHARS_MAX ? `${text.slice(0, QUOTED_CHARS_MAX)}…` : text;
}
