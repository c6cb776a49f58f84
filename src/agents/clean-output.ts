/** What a program wrote → text that may stand in a file, a terminal and a page. Pure. */
import { Buffer, isUtf8 } from 'node:buffer';

const REPLACEMENT = '\ufffd';

/**
 * Colours, cursor moves, titles, links and clipboard writes. A string sequence without an end takes
 * its line, never more.
 */
const ESCAPE_SEQUENCE =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b\n]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]/g;

/** More than one NUL in 100 bytes, or one damaged character in 10, is not text with a flaw. */
const NUL_SHARE_MAX = 0.01;
const DAMAGE_SHARE_MAX = 0.1;

const SIGNATURES: readonly (readonly [hex: string, hint: string])[] = [
  ['89504e47', 'a PNG image'],
  ['ffd8ff', 'a JPEG image'],
  ['47494638', 'a GIF image'],
  ['1f8b', 'gzip data'],
  ['504b0304', 'a zip archive'],
  ['28b52ffd', 'zstd data'],
  ['7f454c46', 'a program'],
  ['255044462d', 'a PDF document'],
  ['fffe', 'UTF-16 text; UTF-8 is needed'],
  ['feff', 'UTF-16 text; UTF-8 is needed'],
];

/**
 * Output as clean text, or why it is not text. `text` of an invalid one is a rough reading, only
 * good for finding words in it.
 */
export type CleanOutput =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'invalid';
      readonly text: string;
      readonly bytes: number;
      readonly hint: string;
    };

/** Decodes and cleans output. Binary data is `invalid`; single damaged characters become U+FFFD. */
export function cleanOutput(bytes: Uint8Array): CleanOutput {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoded = raw.toString('utf8');
  const hint = binaryHint(raw, decoded);
  const text = cleanText(decoded);
  return hint === null
    ? { kind: 'text', text }
    : { kind: 'invalid', text, bytes: bytes.byteLength, hint };
}

/**
 * Text without escape sequences, control codes (but newline and tab), bidirectional overrides and
 * halves of surrogate pairs; line ends are `\n`. Cleaning twice changes nothing.
 */
export function cleanText(text: string): string {
  return text
    .replace(ESCAPE_SEQUENCE, '')
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/\p{Bidi_Control}/gu, '')
    .replace(/\p{Surrogate}/gu, REPLACEMENT)
    .replace(/^\ufeff+/, '');
}

/** True when a person would see nothing. */
export function isBlank(text: string): boolean {
  return !/[^\s\u00ad\u200b-\u200d\u2060\ufeff\u2800\u3164]/u.test(text);
}

/**
 * The last lines with words in them, as one line: what a program said last is mostly why it failed.
 */
export function lastLines(text: string, linesMax: number): string {
  const lines = cleanText(text)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /[\p{L}\p{N}]/u.test(line));
  return lines.slice(-linesMax).join(' · ');
}

/** One line of at most `lengthMax` characters for people. */
export function oneLine(text: string, lengthMax: number): string {
  const line = cleanText(text).replace(/\s+/g, ' ').trim();
  if (line.length <= lengthMax) return line;
  return `${line.slice(0, lengthMax - 1).replace(/\p{Surrogate}$/u, '')}…`;
}

function binaryHint(raw: Buffer, decoded: string): string | null {
  if (raw.length === 0) return null;
  const utf8 = isUtf8(raw);
  const start = raw.subarray(0, 8).toString('hex');
  const signature = utf8 ? undefined : SIGNATURES.find(([hex]) => start.startsWith(hex));
  if (signature !== undefined) return `it looks like ${signature[1]}`;
  const nuls = decoded.split('\0').length - 1;
  if (nuls > Math.max(1, decoded.length * NUL_SHARE_MAX))
    return `it contains ${String(nuls)} NUL bytes`;
  const damaged = utf8 ? 0 : decoded.split(REPLACEMENT).length - 1;
  return damaged > Math.max(1, decoded.length * DAMAGE_SHARE_MAX) ? 'it is not UTF-8 text' : null;
}
