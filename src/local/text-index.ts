/**
 * What everybody said, in lower case, in one file that only grows: looking through it takes a part
 * of the time that reading all messages takes. A shortcut and never the truth: one that is torn, or
 * of another version, counts as none.
 *
 * The file: a line of JSON, then blocks: four bytes of length and so many of zlib, whose checksum
 * shows a damaged one. A block is a line of JSON and records. What is covered stands in the last
 * block of each addition. No field of a record has a byte that divides records or fields.
 */
import { parseJson } from '../base/parse-json.ts';
import { appendFileSync, rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { deflateSync, inflateSync } from 'node:zlib';
import { writeShortcutFile } from './durable-file.ts';

/** One message or reply. */
export interface IndexedText extends FoundText {
  /** Paths that it answers, other than the one that it stands beside. */
  readonly re: readonly string[];
  /** In lower case. */
  readonly text: string;
}

export interface FoundText {
  readonly path: string;
  /** The object that says it; '' = what was added for this path before counts no more. */
  readonly blob: string;
  readonly atMs: number;
}

export interface TextIndex<Covered> {
  /** What `extend` was told last; null = nothing was added. */
  readonly covered: () => Covered | null;
  /** Adds records. They are there also when nothing can be written. */
  readonly extend: (records: AsyncIterable<IndexedText>, covered: Covered) => Promise<void>;
  /** What contains a text of lower case, in no order. Throws when a block is damaged. */
  readonly find: (text: string) => readonly FoundText[];
  /** The `re` of each path that has some. Throws as `find`. */
  readonly links: () => ReadonlyMap<string, readonly string[]>;
  /** Forgets everything. */
  readonly drop: () => void;
}

const BLOCK_CHARS = 1 << 20;
/** Nothing is kept of a longer one. */
const FILE_BYTES_MAX = 1 << 30;
/** One that has this many times the bytes of its first writing, and these, is made again. */
const GROWN = 4;
const GROWN_BYTES = 16 << 20;

/** What begins a record, ends a field, and begins a field of paths that are answered. */
const [RECORD, FIELD, LINKS] = [1, 0, Buffer.of(2)];
const DIVIDERS = /[\0\x01\x02]/g;
/** Begins one that takes back what was added for its path. */
const TAKEN_BACK = Buffer.from('\x01!');

/**
 * The index at `path`, empty when there is none of this version. `spareBytes`: what it may grow by,
 * however small it was. Never throws.
 */
export async function openTextIndex<Covered>(
  path: string,
  version: string,
  spareBytes = GROWN_BYTES,
): Promise<TextIndex<Covered>> {
  const file = await readFile(path).catch(() => Buffer.alloc(0));
  const { firstBytes, blocks: kept } = readFileOf(file, version);
  let covered = coveredBy(kept.at(-1)) as Covered | null;
  let blocks = covered === null ? [] : kept;
  const drop = (): void => {
    [blocks, covered] = [[], null];
    rmSync(path, { force: true });
  };
  const keep = async (added: readonly Buffer[]): Promise<void> => {
    const bytes = added.reduce((sum, block) => sum + block.length + 4, 0);
    const head = Buffer.from(`${JSON.stringify({ version, firstBytes: bytes })}\n`);
    if (blocks.length === added.length) {
      if (bytes < FILE_BYTES_MAX)
        await writeShortcutFile(path, Buffer.concat([head, ...added.flatMap(framed)]));
    } else if (file.length + bytes > Math.min(FILE_BYTES_MAX, GROWN * firstBytes + spareBytes))
      rmSync(path, { force: true });
    // Of two that have read the same only the first adds to it.
    else if (statSync(path).size === file.length)
      appendFileSync(path, Buffer.concat(added.flatMap(framed)));
  };
  return {
    covered: () => covered,
    extend: async (records, now) => {
      const added = await blocksOf(records, now);
      [blocks, covered] = [[...blocks, ...added], now];
      // What could be written in part only is torn.
      await keep(added).catch(() => rmSync(path, { force: true }));
    },
    find: (text) => findIn(blocks, Buffer.from(clean(text))),
    links: () => linksIn(blocks),
    drop,
  };
}

interface TextFile {
  /** Of the blocks that were written first. */
  readonly firstBytes: number;
  /** Compressed. */
  readonly blocks: readonly Buffer[];
}

/** No blocks when it is of another version, or anything is torn. */
function readFileOf(file: Buffer, version: string): TextFile {
  const none = { firstBytes: 0, blocks: [] };
  const end = file.indexOf('\n');
  const head = parseJson(file.toString('utf8', 0, end)) as
    Partial<Record<string, unknown>> | null | undefined;
  const firstBytes = head?.['firstBytes'];
  if (head?.['version'] !== version || typeof firstBytes !== 'number') return none;
  const blocks: Buffer[] = [];
  for (let at = end + 1; at < file.length;) {
    const bytes = at + 4 <= file.length ? file.readUInt32BE(at) : 0;
    if (bytes === 0 || at + 4 + bytes > file.length) return none;
    blocks.push(file.subarray(at + 4, at + 4 + bytes));
    at += 4 + bytes;
  }
  return { firstBytes, blocks };
}

function framed(block: Buffer): readonly Buffer[] {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(block.length);
  return [length, block];
}

function coveredBy(block: Buffer | undefined): unknown {
  try {
    if (block === undefined) return null;
    const text = inflateSync(block);
    return JSON.parse(text.toString('utf8', 0, text.indexOf('\n'))) as unknown;
  } catch {
    return null;
  }
}

async function blocksOf(records: AsyncIterable<IndexedText>, covered: unknown): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  let [texts, chars]: [string[], number] = [[], 0];
  const end = (head: unknown): void => {
    const text = Buffer.from(`${JSON.stringify(head)}\n${texts.join('')}`);
    blocks.push(deflateSync(text, { level: 1 }));
    [texts, chars] = [[], 0];
  };
  for await (const record of records) {
    const text = formatRecord(record);
    chars += text.length;
    texts.push(text);
    if (chars > BLOCK_CHARS) end(null);
  }
  end(covered);
  return blocks;
}

function formatRecord({ path, blob, atMs, re, text }: IndexedText): string {
  const links = re.length === 0 ? '' : `\x02${re.map(clean).join('\n')}`;
  const flag = blob === '' ? '!' : '.';
  return `\x01${flag}${clean(path)}\0${blob}\0${String(atMs)}\0${links}\0${clean(text)}\0`;
}

function clean(text: string): string {
  return text.replace(DIVIDERS, ' ');
}

interface Placed extends FoundText {
  readonly re: readonly string[];
  /** Where it begins, counted through all blocks. */
  readonly order: number;
}

/** Which field of a record has to have the bytes. */
interface Wanted {
  readonly bytes: Buffer;
  readonly inText: boolean;
}

/** The latest record of each path, when it has what is wanted. */
function latestWith(blocks: readonly Buffer[], wanted: Wanted): Iterable<Placed> {
  const found = new Map<string, Placed>();
  const takenBack = new Map<string, number>();
  let before = 0;
  for (const compressed of blocks) {
    const block = inflateSync(compressed);
    for (let at = block.indexOf(TAKEN_BACK); at >= 0; at = block.indexOf(TAKEN_BACK, at + 1)) {
      const { path, order } = recordAt(block, fieldsAt(block, at), before);
      takenBack.set(path, order);
    }
    for (const fields of recordsWith(block, wanted)) {
      const record = recordAt(block, fields, before);
      found.set(record.path, record);
    }
    before += block.length;
  }
  for (const [path, order] of takenBack)
    if ((found.get(path)?.order ?? order) < order) found.delete(path);
  return found.values();
}

/** Where a record begins, and where each of its first four fields ends. */
type Fields = readonly [begin: number, path: number, blob: number, atMs: number, re: number];

function* recordsWith(block: Buffer, { bytes, inText }: Wanted): Generator<Fields> {
  const first = block.indexOf(RECORD);
  let at = first < 0 ? -1 : block.indexOf(bytes, first);
  while (at >= 0) {
    const fields = fieldsAt(block, block.lastIndexOf(RECORD, at));
    const isBefore = at <= fields[4];
    if (isBefore === inText) {
      at = block.indexOf(bytes, isBefore ? fields[4] + 1 : at + 1);
      continue;
    }
    yield fields;
    const next = block.indexOf(RECORD, fields[4]);
    at = next < 0 ? -1 : block.indexOf(bytes, next);
  }
}

function fieldsAt(block: Buffer, begin: number): Fields {
  const path = block.indexOf(FIELD, begin);
  const blob = block.indexOf(FIELD, path + 1);
  const atMs = block.indexOf(FIELD, blob + 1);
  return [begin, path, blob, atMs, block.indexOf(FIELD, atMs + 1)];
}

function recordAt(block: Buffer, [begin, path, blob, atMs, re]: Fields, before: number): Placed {
  return {
    order: before + begin,
    path: block.toString('utf8', begin + 2, path),
    blob: block.toString('latin1', path + 1, blob),
    atMs: Number(block.toString('latin1', blob + 1, atMs)),
    re: re === atMs + 1 ? [] : block.toString('utf8', atMs + 2, re).split('\n'),
  };
}

function findIn(blocks: readonly Buffer[], bytes: Buffer): readonly FoundText[] {
  return [...latestWith(blocks, { bytes, inText: true })];
}

function linksIn(blocks: readonly Buffer[]): ReadonlyMap<string, readonly string[]> {
  const found = latestWith(blocks, { bytes: LINKS, inText: false });
  return new Map([...found].map(({ path, re }) => [path, re]));
}
