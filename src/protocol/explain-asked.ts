/**
 * Explains a head that does not say who is asked. What stands there is nearly always a name, so its
 * writer reads how the name is written. Linear in the head. Pure.
 */
import { oneLine } from '../base/plain-text.ts';
import { parseAddress } from './address.ts';
import { oddCharacter } from './explain-yaml.ts';
import { type FrontMatterRead, HEAD_BYTES_MAX } from './front-matter.ts';
import { NAME_RULE } from './names.ts';
import type { Rejection } from './rejection.ts';
import { placeOfKey } from './yaml.ts';

/** Words that people write between two names. */
const BETWEEN: readonly string[] = ['and', 'or', 'und', 'oder', 'et', 'ou', 'y', 'e'];
const MEANT_CHARS_MAX = 200;

/** What a mapping would be as names: `{opus}` has keys alone, `{name: opus}` says it itself. */
export function namesInMapping(given: Readonly<Record<string, unknown>>): string {
  return Object.entries(given)
    .map(([key, value]) => (typeof value === 'string' && value !== '' ? value : key))
    .join(' ');
}

/** What an address in this place must be; the names themselves where it shows them. */
export function expectedAddress(item: string): string {
  const odd = oddCharacter(item);
  if (odd !== null) return `the name without ${odd.why}`;
  return inNames(item) ?? `an address: name or name@host (${NAME_RULE})`;
}

/** What stands before a mark, or all of it. */
function before(mark: RegExp, text: string): string {
  const at = text.search(mark);
  return at < 0 ? text : text.slice(0, at);
}

/** How the names in it are written; null where it shows none. */
function inNames(item: string): string | null {
  const given = before(/\s#/, item.trim().slice(0, MEANT_CHARS_MAX)).replace(/^!\S*\s+/, '');
  if (/^["']?\*["']?$/.test(given)) return 'all, which asks every model';
  const names = before(/:\s/, given.replace(/^(?:model|agent|name|to):\s/i, ''))
    .replace(/(?<!\s)\s+@\s*|@\s+/g, '@')
    .split(/[\s;|&+、，،；]+/)
    .map((word) => word.replace(/^[^\p{L}\p{N}]+|(?<![^\p{L}\p{N}])[^\p{L}\p{N}]+$/gu, ''))
    .filter((word) => word !== '' && !BETWEEN.includes(word.toLowerCase()));
  const areNames = names.every((word) => parseAddress(word) !== null);
  if (names.length > 1 && names.length < 10 && areNames && !/[()]/.test(item))
    return `commas between several names: ${names.join(', ')}`;
  const [only] = names;
  return names.length === 1 && areNames && only !== undefined ? `the name alone: ${only}` : null;
}

/**
 * The same fault for a person who wrote a name: quotes, which YAML would want around it, are of no
 * use.
 */
export function explainAsked(bytes: Uint8Array, fault: Rejection): Rejection {
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES_MAX)).toString('utf8').split('\n');
  const given = fault.line < 2 ? '' : givenNames(head, fault.line - 1).trim();
  const expected = MARKED.test(given) ? inNames(given) : null;
  return expected === null ? fault : { ...fault, expected };
}

/** Signs around or before a name that mean something in YAML, and would be refused in quotes. */
const MARKED = /^(?:\[\s*)?[`*@%!&>|,{-]|:(?:\s|$)/;

/** What is given as a name in this line of a head: after `to:`, or as an item below it. */
function givenNames(head: readonly string[], at: number): string {
  const line = head[at] ?? '';
  const value = /^to:\s(.*)$/i.exec(line)?.[1] ?? /^from:\s+(\S+)\s*$/i.exec(line)?.[1];
  if (value !== undefined) return value;
  const item = /^\s*-(.*)$/.exec(line)?.[1];
  const above = head.slice(0, at).findLast((each) => !/^\s*-/.test(each)) ?? '';
  return item !== undefined && /^to:\s*$/i.test(above) ? item : '';
}

const ASKED = 'to: <model, host-pinned model, all, workflow or a person>';

type Head = Extract<FrontMatterRead, { kind: 'read' }>;

/** Nobody is asked; a key that was meant to say who, or what it says, is named. */
export function noRecipient({ fields, yaml, body }: Head): Rejection {
  const meant = Object.keys(fields).find(
    (key) => key !== 'to' && MEANT_TO.has(key.toLowerCase().replace(/[^\p{L}]/gu, '')),
  );
  const [blank = '', below = ''] = /^(\s*)(.*)/.exec(body)?.slice(1) ?? [];
  if (meant === undefined && /^to:\s/i.test(below))
    return {
      line: `${yaml}${blank}`.split('\n').length + 2,
      found: `"${oneLine(below, 40)}" below the fields`,
      expected: 'the fields between the first two lines ---',
    };
  if (meant !== undefined)
    return {
      ...placeOf(yaml, meant),
      found: oddCharacter(meant)?.why ?? `"${oneLine(meant, 40)}:"`,
      expected: '"to:"',
    };
  if (!Object.hasOwn(fields, 'to'))
    return {
      line: 1,
      found: 'no "to:"',
      expected: ASKED,
    };
  const given = /^to:(.*)$/m.exec(yaml)?.[1]?.trim() ?? '';
  return {
    ...placeOf(yaml, 'to'),
    found:
      given === '' ? '"to:" without a name' : `"to: ${oneLine(given, 40)}", which names nobody`,
    expected: inNames(given) ?? ASKED,
  };
}

/** Keys by which people say who is asked, without what is not a letter: slips, words, languages. */
const MEANT_TO: ReadonlySet<string> = new Set(
  `to too tto tot ot t tp cc recipient recipients sendto mailto addressee assignee assignees
   assignedto assignto ask agent agents model models bot receiver target for
   an für fur fuer para pour à til till aan naar do per empfänger empfaenger destinataire
   destinatario кому 宛先 收件人 받는사람`.split(/\s+/),
);

/** Where a key of the head stands in the file, whose first line is the one of dashes. */
export function placeOf(yaml: string, key: string): Pick<Rejection, 'line' | 'column'> {
  const { line, column } = placeOfKey(yaml, [key]);
  return { line: line + 1, column };
}
