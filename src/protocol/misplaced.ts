/**
 * Files that somebody meant as messages and that no dispatcher reads: they stand beside the
 * channels, or have another ending than `.md`. Their head shows it. Pure.
 */
import { ACKS, CHANNELS, DISPATCHERS, PERSONA_FOLDERS, SCHEMAS, WORKFLOWS } from './paths.ts';

/** Bytes of a file that are looked at. */
export const LOOKED_AT_BYTES = 65_536;
const LINES_MAX = 60;

/** Endings of texts, and of what editors leave of one; a name without an ending counts as well. */
const TEXT =
  /\.(?:md[^./]{0,8}|txt|text|markdown|mdown|mkdn?|rst|rtf|org|eml|ya?ml|json|bak|orig|txt~)#?$/i;
/** Names that stand for what they are. */
const KNOWN =
  /^(?:complete|cancel|archived|crosstalk-version|licen[cs]e|codeowners|makefile|dockerfile)$|^(?:claude|agents|gemini|readme|changelog|contributing|security|code_of_conduct|channel|index)(?:\.md)?$/i;

/** Folders that have their own meaning, and whose texts are no messages. */
const OWN_FOLDERS: readonly string[] = [
  ...[CHANNELS, WORKFLOWS, ACKS, SCHEMAS, DISPATCHERS],
  ...PERSONA_FOLDERS,
  // Messages to be filled in, as `init` brings them.
  'templates',
];

/** True for a name under which a person may have saved a message. */
export function mayBeText(name: string): boolean {
  if (name.startsWith('.') || KNOWN.test(name)) return false;
  return TEXT.test(name) || !name.includes('.');
}

/** True for a folder beside the channels in which messages may have been put by mistake. */
export function mayHoldMessages(folder: string): boolean {
  return !OWN_FOLDERS.includes(folder) && !/(?:^|\/)\./.test(folder);
}

/** True when a text begins with a head that asks somebody: nobody writes that by accident. */
export function asksSomebody(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.subarray(0, LOOKED_AT_BYTES)).toString('utf8');
  const [first = '', ...lines] = text.replace(/^\ufeff/, '').split(/\r?\n/, LINES_MAX);
  const end = lines.findIndex((line) => /^---[ \t]*$/.test(line));
  return (
    /^---[ \t]*$/.test(first) && lines.slice(0, Math.max(0, end)).some((line) => isAsking(line))
  );
}

function isAsking(line: string): boolean {
  return /^["']?to["']?[ \t]*:/i.test(line);
}
