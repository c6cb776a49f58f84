/**
 * What a message says in its head and nobody reads: keys that are nearly a field, and the end of a
 * subject that YAML takes for a comment. Pure.
 */
import { oneLine } from '../base/plain-text.ts';
import { suggestName } from './address.ts';
import { FIELD_NAMES, type Message } from './message.ts';

/** Words by which people call a field. */
const CALLED: Readonly<Record<string, string>> = {
  ...{ attachment: 'files', attachments: 'files', file: 'files', timeout: 'timeout_minutes' },
  ...{ cc: 'to', recipient: 'to', recipients: 'to', persona: 'as', title: 'subject' },
  ...{ inreplyto: 're', replyto: 're', thread: 're', prio: 'priority' },
};

/** Of shorter ones every other word is one letter away. */
const LONGER_FIELDS = [...FIELD_NAMES].filter((name) => name.length > 5);

/** A sentence for each; a plan may have keys of its own. */
export function headSlips({ yaml, fields }: Message): readonly string[] {
  if (fields.type !== 'message' || fields.op !== null) return [];
  const lines = yaml.split('\n');
  const keys = new Set(lines.flatMap((line) => /^([\p{L} _-]{2,40}):/u.exec(line)?.[1] ?? []));
  return [
    ...[...keys].flatMap((key) => {
      const field = meant(key.trim(), keys);
      return field === null ? [] : [`"${key}:" is not a field and is ignored; "${field}:" is one`];
    }),
    ...lines.flatMap((line) => {
      const left = /^subject:[ \t]+(?:[^"'#|>\s][^#]*[ \t])?(#.*)$/.exec(line)?.[1];
      return left === undefined
        ? []
        : [`"${oneLine(left, 40)}" is a comment in YAML and is ignored: quote the subject`];
    }),
  ];
}

function meant(key: string, keys: ReadonlySet<string>): string | null {
  if (FIELD_NAMES.has(key)) return null;
  const letters = key.toLowerCase().replace(/[^a-z]/g, '');
  const same = [...FIELD_NAMES].find((field) => field.replaceAll('_', '') === letters);
  if (same !== undefined) return same;
  const called = Object.hasOwn(CALLED, letters) ? (CALLED[letters] ?? null) : nearField(letters);
  // A second name of a field that is there; who is to be asked as well is asked by nobody.
  return called !== 'to' && keys.has(called ?? '') ? null : called;
}

function nearField(letters: string): string | null {
  return letters.length < 5 ? null : suggestName(letters, LONGER_FIELDS);
}
