/**
 * The documents as tests read them: lines, tables that a comment names, parts that are made from
 * the code, fenced blocks.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Text of a file of the project. */
export function readPage(path: string): string {
  return readFileSync(resolve(ROOT, path), 'utf8');
}

/** The rows (cells, without the head) of the table below `<!-- <name> -->`. */
export function tableAt(page: string, name: string): readonly (readonly string[])[] {
  const start = page.indexOf(`<!-- ${name} -->`);
  if (start < 0) throw new Error(`no table "${name}"`);
  const rows: string[][] = [];
  for (const line of page.slice(start).split('\n').slice(1)) {
    if (!line.startsWith('|')) break;
    rows.push(cellsOf(line));
  }
  return rows.slice(2);
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, line.lastIndexOf('|'))
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

/** Every text between backticks. */
export function codesIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
}

/**
 * The part below `<!-- generated: <name> -->`. With UPDATE_DOCS=1 it is first replaced by `made`.
 */
export function generatedPart(path: string, name: string, made: string): string {
  const page = readPage(path);
  const begin = `<!-- generated: ${name} -->\n`;
  const start = page.indexOf(begin) + begin.length;
  const end = page.indexOf('<!-- end -->', start);
  if (start < begin.length || end < 0) throw new Error(`${path} has no generated part "${name}"`);
  if (process.env['UPDATE_DOCS'] !== '1') return page.slice(start, end);
  writeFileSync(resolve(ROOT, path), `${page.slice(0, start)}${made}${page.slice(end)}`);
  return made;
}

export interface Block {
  readonly line: number;
  /** What stands behind the dashes: `sh`, `sh norun`, `yaml`. */
  readonly info: string;
  readonly text: string;
}

/** The fenced blocks of a page. */
export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; indent: string; lines: string[] } | null = null;
  for (const [index, line] of page.split('\n').entries()) {
    const fence = /^(\s*)```(.*)$/.exec(line);
    if (open === null && fence !== null)
      open = { line: index + 1, info: (fence[2] ?? '').trim(), indent: fence[1] ?? '', lines: [] };
    else if (open !== null && fence !== null) {
      blocks.push({ line: open.line, info: open.info, text: open.lines.join('\n') });
      open = null;
    } else open?.lines.push(line.slice(open.indent.length));
  }
  return blocks;
}

/** The page without its fenced blocks and comments. */
export function proseOf(page: string): string {
  return page.replace(/^\s*```[^\n]*\n[\s\S]*?^\s*```$/gm, '').replace(/<!--[\s\S]*?-->/g, '');
}

/** The anchor that a git host gives a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/`/g, '')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replace(/ /g, '-');
}

/** The anchors of all headings. */
export function anchorsOf(page: string): ReadonlySet<string> {
  return new Set(
    [...proseOf(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => anchorOf(heading ?? '')),
  );
}
