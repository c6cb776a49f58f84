/**
 * Git's tree objects as bytes: read without trust in their order, written in git's own. Own code: a
 * git of its own (isomorphic-git) brings a work tree and a network, and takes names for UTF-8.
 */
import { CrosstalkError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import type { EntryKind } from './repository.ts';

/**
 * One entry of a tree. `key` is the name's bytes, one character each: names that are not UTF-8 stay
 * distinct.
 */
export interface TreeItem {
  readonly key: string;
  readonly mode: number;
  readonly oid: Oid;
}

/** What is put at a name: a new entry, or null to take it away. */
export type TreeEdit = { readonly mode: number; readonly oid: Oid } | null;

export const MODE_FILE = 0o100644;
export const MODE_FOLDER = 0o040000;
/**
 * What says whether an entry is a file, a link, …: git itself looks at no more of a mode that it
 * finds in a tree.
 */
const TYPE_BITS = 0o170000;
const TYPE_FILE = 0o100000;
const SPACE = 0x20;
const ZERO = 0x30;

/** What a mode stands for; links, submodules and anything odd are `other`. */
export function kindOfMode(mode: number): EntryKind | 'tree' {
  const type = mode & TYPE_BITS;
  if (type === MODE_FOLDER) return 'tree';
  return type === TYPE_FILE ? 'file' : 'other';
}

/** A name's key as text; bytes that are not UTF-8 become U+FFFD. */
export function decodeName(key: string): string {
  return /^[\u0000-\u007f]*$/.test(key) ? key : Buffer.from(key, 'latin1').toString('utf8');
}

/** The key of a name given as text. */
export function encodeName(name: string): string {
  return Buffer.from(name, 'utf8').toString('latin1');
}

interface Slot {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly end: number;
}

function slotAt(tree: Buffer, start: number, hashBytes: number): Slot {
  const space = tree.indexOf(SPACE, start);
  const nul = space < 0 ? -1 : tree.indexOf(0, space);
  const end = nul + 1 + hashBytes;
  if (nul < 0 || end > tree.length)
    throw new CrosstalkError(
      'INTERNAL',
      'a tree object in the cache is damaged; remove the cache and start again',
    );
  return { nameStart: space + 1, nameEnd: nul, end };
}

function modeAt(tree: Buffer, start: number, nameStart: number): number {
  let mode = 0;
  for (let i = start; i < nameStart - 1; i++) mode = mode * 8 + ((tree[i] ?? ZERO) - ZERO);
  return mode;
}

function itemAt(tree: Buffer, start: number, slot: Slot): TreeItem {
  return {
    key: tree.toString('latin1', slot.nameStart, slot.nameEnd),
    mode: modeAt(tree, start, slot.nameStart),
    oid: tree.toString('hex', slot.nameEnd + 1, slot.end) as Oid,
  };
}

/** The entry with this key, or null. The first one, should a broken tree have two. */
export function findItem(tree: Buffer, key: string, hashBytes: number): TreeItem | null {
  const name = Buffer.from(key, 'latin1');
  for (let start = 0; start < tree.length;) {
    const slot = slotAt(tree, start, hashBytes);
    if (
      slot.nameEnd - slot.nameStart === name.length &&
      name.compare(tree, slot.nameStart, slot.nameEnd) === 0
    )
      return itemAt(tree, start, slot);
    start = slot.end;
  }
  return null;
}

/** Every entry, as they stand. */
export function listItems(tree: Buffer, hashBytes: number): readonly TreeItem[] {
  const items: TreeItem[] = [];
  for (let start = 0; start < tree.length;) {
    const slot = slotAt(tree, start, hashBytes);
    items.push(itemAt(tree, start, slot));
    start = slot.end;
  }
  return items;
}

/** Answers for a key with its entry; of two with one key with the first. */
export type FindItem = (key: string) => TreeItem | null;

/** The entries with these keys, found in one pass. */
export function findItems(tree: Buffer, keys: ReadonlySet<string>, hashBytes: number): FindItem {
  const found = new Map<string, TreeItem>();
  for (let start = 0; start < tree.length && found.size < keys.size;) {
    const slot = slotAt(tree, start, hashBytes);
    const key = tree.toString('latin1', slot.nameStart, slot.nameEnd);
    if (keys.has(key) && !found.has(key)) found.set(key, itemAt(tree, start, slot));
    start = slot.end;
  }
  return (key) => found.get(key) ?? null;
}

/** All entries of a tree, for one that is asked again and again. */
export function indexItems(tree: Buffer, hashBytes: number): FindItem {
  const starts = new Map<string, number>();
  for (let start = 0; start < tree.length;) {
    const slot = slotAt(tree, start, hashBytes);
    const key = tree.toString('latin1', slot.nameStart, slot.nameEnd);
    if (!starts.has(key)) starts.set(key, start);
    start = slot.end;
  }
  return (key) => {
    const start = starts.get(key);
    return start === undefined ? null : itemAt(tree, start, slotAt(tree, start, hashBytes));
  };
}

/**
 * Both sides' entries that differ between two trees, by key. What both begin with is passed over
 * without being decoded.
 */
export function differingItems(
  from: Buffer,
  to: Buffer,
  hashBytes: number,
): { readonly left: ReadonlyMap<string, TreeItem>; readonly right: ReadonlyMap<string, TreeItem> } {
  const start = commonStart(from, to, hashBytes);
  const left = itemsFrom(from, start, hashBytes);
  const right = itemsFrom(to, start, hashBytes);
  for (const [key, item] of left) {
    const twin = right.get(key);
    if (twin?.mode !== item.mode || twin.oid !== item.oid) continue;
    left.delete(key);
    right.delete(key);
  }
  return { left, right };
}

/** How many entries a tree has; null when a folder is among them. */
export function countOnlyFiles(tree: Buffer, hashBytes: number): number | null {
  let entries = 0;
  for (let start = 0; start < tree.length; entries += 1) {
    const slot = slotAt(tree, start, hashBytes);
    if (kindOfMode(modeAt(tree, start, slot.nameStart)) === 'tree') return null;
    start = slot.end;
  }
  return entries;
}

function commonStart(from: Buffer, to: Buffer, hashBytes: number): number {
  let start = 0;
  while (start < from.length && start < to.length) {
    const { end } = slotAt(from, start, hashBytes);
    if (end > to.length || from.compare(to, start, end, start, end) !== 0) break;
    start = end;
  }
  return start;
}

function itemsFrom(tree: Buffer, from: number, hashBytes: number): Map<string, TreeItem> {
  const items = new Map<string, TreeItem>();
  for (let start = from; start < tree.length;) {
    const slot = slotAt(tree, start, hashBytes);
    const item = itemAt(tree, start, slot);
    if (!items.has(item.key)) items.set(item.key, item);
    start = slot.end;
  }
  return items;
}

/**
 * `tree` with `edits` (key → entry) made, in git's order: by bytes, a folder as if its name ended
 * in `/`. Entries that are not edited are copied as they are. A removal of what is not there
 * changes nothing.
 */
export function editTree(
  tree: Buffer,
  edits: ReadonlyMap<string, TreeEdit>,
  hashBytes: number,
): Buffer {
  const added = [...edits]
    .flatMap(([key, edit]) => (edit === null ? [] : [encodeItem(key, edit)]))
    .sort((a, b) => a.order.compare(b.order));
  const pieces: Buffer[] = [];
  let next = 0;
  let keptFrom = 0;
  for (let start = 0; start < tree.length;) {
    const slot = slotAt(tree, start, hashBytes);
    const key = tree.toString('latin1', slot.nameStart, slot.nameEnd);
    const order = orderOf(tree, start, slot);
    const cutHere = edits.has(key);
    let addition = added[next];
    if (cutHere || (addition !== undefined && addition.order.compare(order) < 0)) {
      pieces.push(tree.subarray(keptFrom, start));
      for (; addition !== undefined && addition.order.compare(order) < 0; addition = added[++next])
        pieces.push(addition.bytes);
      keptFrom = cutHere ? slot.end : start;
    }
    start = slot.end;
  }
  pieces.push(tree.subarray(keptFrom), ...added.slice(next).map((addition) => addition.bytes));
  return Buffer.concat(pieces);
}

function orderOf(tree: Buffer, start: number, slot: Slot): Buffer {
  const name = tree.subarray(slot.nameStart, slot.nameEnd);
  return modeAt(tree, start, slot.nameStart) === MODE_FOLDER ? Buffer.concat([name, SLASH]) : name;
}

const SLASH = Buffer.from('/');

function encodeItem(
  key: string,
  { mode, oid }: { readonly mode: number; readonly oid: Oid },
): { readonly order: Buffer; readonly bytes: Buffer } {
  const name = Buffer.from(key, 'latin1');
  return {
    order: mode === MODE_FOLDER ? Buffer.concat([name, SLASH]) : name,
    bytes: Buffer.concat([
      Buffer.from(`${mode.toString(8)} `),
      name,
      Buffer.from([0]),
      Buffer.from(oid, 'hex'),
    ]),
  };
}
