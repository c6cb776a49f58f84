/**
 * Bytes of a message file → fields and body, or the reason why not. Everything here is hostile
 * until proven otherwise: size, encoding, first line and length of the head are settled before any
 * parser sees a byte, and the only parser ever reached is YAML without tags that build anything.
 * PROTOCOL.md "Front matter"; gray-matter evaluates other languages, hence the guard before it.
 */
import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';
import type Matter from 'gray-matter';
import { explainEnd, explainStart } from './explain-start.ts';
import { readPlainFields } from './plain-fields.ts';
import type { Rejection } from './rejection.ts';
import { isMapping, readYamlMapping, writeYaml } from './yaml.ts';

export const MESSAGE_BYTES_MAX = 1_048_576;
// Loaded when first needed: it makes every command half as slow again to start, and most messages
// are plain.
const load = createRequire(import.meta.url);
/** Within so many bytes the head has to end. */
export const HEAD_BYTES_MAX = 65_536;

export type FrontMatterRead =
  | {
      readonly kind: 'read';
      /** Fields as written; every scalar is text. */
      readonly fields: Readonly<Record<string, unknown>>;
      /**
       * The YAML between the dashes, for parts of the product that give types to nested keys. Its
       * first line is line 2 of the file.
       */
      readonly yaml: string;
      readonly body: string;
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

/**
 * Splits and parses the bytes of a message file. Time is linear in the size; nothing is ever
 * executed or cached.
 */
export function readFrontMatter(bytes: Uint8Array): FrontMatterRead {
  if (bytes.byteLength > MESSAGE_BYTES_MAX)
    return rejected(1, `${bytes.byteLength} bytes`, `at most ${MESSAGE_BYTES_MAX} bytes`);
  const decoded = decodeText(bytes);
  if (decoded.kind === 'rejected') return decoded;
  const { text, warnings } = decoded;
  if (text.startsWith('version https://git-lfs.github.com/spec/'))
    return rejected(1, 'a Git LFS pointer', 'the message itself: exclude *.md from LFS');
  const firstEnd = lineEnd(text, 0);
  const first = text.slice(0, firstEnd).replace(/\r$/, '');
  if (!/^---[ \t]*$/.test(first)) return { kind: 'rejected', rejection: explainStart(text) };
  const head = findHead(text, firstEnd + 1);
  if (head === null) {
    const rejection = explainEnd(text) ?? {
      line: 1,
      found: `no closing --- within the first ${HEAD_BYTES_MAX} bytes`,
      expected: 'a line --- that ends the front matter',
    };
    return { kind: 'rejected', rejection };
  }
  return parseHead({
    yaml: text.slice(firstEnd + 1, head.end),
    body: text.slice(head.bodyStart),
    warnings,
  });
}

/**
 * The text of a message file. Fields that are undefined are left out. Reading it again gives the
 * same fields (as text) and body.
 */
export function writeFrontMatter(fields: Readonly<Record<string, unknown>>, body: string): string {
  const present = Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  );
  return `---\n${writeYaml(present)}---\n${body}${body.endsWith('\n') || body === '' ? '' : '\n'}`;
}

function parseHead(parts: {
  readonly yaml: string;
  readonly body: string;
  readonly warnings: readonly string[];
}): FrontMatterRead {
  const plain = readPlainFields(parts.yaml);
  if (plain !== null) return { kind: 'read', fields: plain, ...parts };
  const refusals: Rejection[] = [];
  const parse = (): object => {
    const read = readYamlMapping(parts.yaml.replaceAll('\r', ''), 'text');
    if (read.kind === 'mapping') return read.value;
    refusals.push({
      line: read.line + 1,
      column: read.column,
      found: read.why,
      expected: read.remedy,
    });
    return {};
  };
  const matter = load('gray-matter') as typeof Matter;
  // Only the checked head goes in, language and engines are pinned, and options are given, which
  // also keeps its cache out of play. Its search for comments is quadratic in blank lines, so it
  // gets none; what is parsed is the head as it stands.
  const filled = parts.yaml.split(/[\r\n\u2028\u2029]/).filter((line) => line.trim() !== '');
  const data: unknown = matter(`---\n${filled.join('\n')}\n---\n`, {
    language: 'yaml',
    delimiters: '---',
    engines: {
      yaml: { parse },
      json: { parse: refuseEngine },
      javascript: { parse: refuseEngine },
    },
  }).data;
  const [rejection] = refusals;
  if (rejection !== undefined) return { kind: 'rejected', rejection };
  return { kind: 'read', fields: isMapping(data) ? data : {}, ...parts };
}

function refuseEngine(): object {
  throw new Error('only YAML front matter is read');
}

function findHead(text: string, from: number): { end: number; bodyStart: number } | null {
  for (let start = from; start < text.length && start - from <= HEAD_BYTES_MAX;) {
    const end = lineEnd(text, start);
    const isEnd =
      text.startsWith('---', start) &&
      /^---[ \t]*\r?$/.test(text.slice(start, Math.min(end, start + 200)));
    if (isEnd) return { end: Math.max(from, start), bodyStart: Math.min(end + 1, text.length) };
    start = end + 1;
  }
  return null;
}

function lineEnd(text: string, from: number): number {
  const at = text.indexOf('\n', from);
  return at < 0 ? text.length : at;
}

type Decoded =
  | { readonly kind: 'text'; readonly text: string; readonly warnings: readonly string[] }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

function decodeText(bytes: Uint8Array): Decoded {
  const [a, b] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    return rejected(1, 'UTF-16', 'UTF-8: save the file as UTF-8');
  const zero = bytes.indexOf(0);
  if (zero >= 0) return rejected(lineAt(bytes, zero), 'a NUL byte', 'text in UTF-8');
  if (isUtf8(bytes)) {
    const { buffer, byteOffset, byteLength } = bytes;
    const text = Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
    return { kind: 'text', text: stripBom(text), warnings: [] };
  }
  return {
    kind: 'text',
    text: new TextDecoder('windows-1252').decode(bytes),
    warnings: ['not UTF-8; read as windows-1252'],
  };
}

function stripBom(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function lineAt(bytes: Uint8Array, offset: number): number {
  let line = 1;
  for (let index = 0; index < offset; index += 1) if (bytes[index] === 10) line += 1;
  return line;
}

function rejected(
  line: number,
  found: string,
  expected: string,
): { readonly kind: 'rejected'; readonly rejection: Rejection } {
  return { kind: 'rejected', rejection: { line, found, expected } };
}
