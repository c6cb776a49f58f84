/**
 * The outbox: one file for each finished answer that is not known to be on the remote. Written
 * before any git step, removed after the last.
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { by } from '../base/order.ts';
import { isMapping } from '../protocol/yaml.ts';
import { formatCheckedLine, parseCheckedLine, type OnDamage } from './checked-line.ts';
import { attempt, readTextFile, removeFile, writeDurableFile } from './durable-file.ts';
import type { LocalState, OutboxItem } from './local-state.ts';

/** The outbox part of the door. */
export type Outbox = Pick<LocalState, 'putOutbox' | 'listOutbox' | 'removeOutbox'>;

const SUFFIX = '.json';

/**
 * The outbox in `directory`, which must exist. Items are listed by key, then nonce; a damaged file
 * is reported and skipped.
 */
export function createOutbox(directory: string, onDamage: OnDamage): Outbox {
  const pathOf = (item: ItemName): string => join(directory, fileStem(item) + SUFFIX);
  return {
    putOutbox: (item) => writeDurableFile(pathOf(item), `${formatCheckedLine(item)}\n`),
    // Without a wait for the disk: an item that a power cut brings back is published once more and
    // found done.
    removeOutbox: (item) => removeFile(pathOf(item)),
    listOutbox: async () => {
      const names = await attempt(directory, () => readdir(directory));
      const items: OutboxItem[] = [];
      for (const name of names.filter((name) => name.endsWith(SUFFIX))) {
        const item = await readItem(join(directory, name), onDamage);
        if (item !== null) items.push(item);
      }
      return items.sort(by((item) => `${item.key} ${item.nonce}`));
    },
  };
}

interface ItemName {
  readonly key: string;
  readonly nonce: string;
}

/** `<key>.<nonce>` as it is, when that is a harmless file name; its hash otherwise. */
function fileStem(item: ItemName): string {
  const stem = `${item.key}.${item.nonce}`;
  return /^[0-9A-Za-z_-]{1,80}\.[0-9A-Za-z_-]{1,80}$/.test(stem)
    ? stem
    : createHash('sha256').update(stem).digest('hex');
}

async function readItem(path: string, onDamage: OnDamage): Promise<OutboxItem | null> {
  const text = await readTextFile(path);
  // Removed between the listing and now.
  if (text === null) return null;
  const read = parseCheckedLine(text.trimEnd());
  const item = read.kind === 'value' ? decodeItem(read.value) : null;
  if (item === null)
    onDamage({
      path,
      line: null,
      why: read.kind === 'damaged' ? read.why : 'not an answer that this version knows',
    });
  return item;
}

function decodeItem(value: unknown): OutboxItem | null {
  if (!isMapping(value)) return null;
  const { key, nonce, claim, payload } = value;
  return typeof key === 'string' && typeof nonce === 'string' && typeof claim === 'string'
    ? { key, nonce, claim, payload }
    : null;
}
