/**
 * What an attempt had changed in its worktree, small enough for a capsule: whole files, each with
 * what stood there before, so that it is clear whether they still fit. PROTOCOL.md "Capsules".
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { parseOid } from '../base/ids.ts';
import { isMapping } from './yaml.ts';

/** One file. */
export interface WorkChange {
  /** Below the worktree; a text of one character a byte. */
  readonly path: string;
  /** Object id of what stood there when the worktree was made; null = nothing. */
  readonly before: string | null;
  /** What stands there now; null = it is gone. */
  readonly content: { readonly mode: WorkMode; readonly base64: string } | null;
}

/** Links are not taken along: one that somebody else wrote may lead anywhere. */
export type WorkMode = '100644' | '100755';

export interface CapsuleWork {
  /** Commits of the project: where the worktree began, and the last one that the agent made. */
  readonly start: string;
  readonly head: string;
  readonly files: number;
  /** Null: they cannot go along. */
  readonly changes: readonly WorkChange[] | null;
}

/** Bytes of all contents together, before they are packed. */
export const WORK_BYTES_MAX = 1_048_576;
const FILES_MAX = 500;
const MODES: readonly unknown[] = ['100644', '100755'];

/** As a value in a record; what does not fit into `charsMax` is counted only. */
export function packWork({ changes, ...facts }: CapsuleWork, charsMax: number): object {
  const fits = changes !== null && changes.length <= FILES_MAX;
  const packed = fits ? deflateRawSync(JSON.stringify(changes)).toString('base64') : '';
  return { ...facts, packed: fits && packed.length <= charsMax ? packed : null };
}

/** What a record says of it; null for anything else. */
export function unpackWork(value: unknown): CapsuleWork | null {
  if (!isMapping(value)) return null;
  const { start, head, files, packed } = value;
  if (!isOid(start) || !isOid(head) || typeof files !== 'number') return null;
  if (!Number.isInteger(files) || files < 1 || files > 1_000_000) return null;
  const changes = typeof packed === 'string' ? unpack(packed) : null;
  return { start, head, files, changes: changes?.length === files ? changes : null };
}

function unpack(packed: string): readonly WorkChange[] | null {
  try {
    const maxOutputLength = 2 * WORK_BYTES_MAX;
    const json = inflateRawSync(Buffer.from(packed, 'base64'), { maxOutputLength });
    const list: unknown = JSON.parse(json.toString('utf8'));
    if (!Array.isArray(list) || list.length > FILES_MAX) return null;
    const changes = list.flatMap((item) => readChange(item) ?? []);
    const paths = new Set(changes.map(({ path }) => path));
    return changes.length === list.length && paths.size === list.length ? changes : null;
  } catch {
    return null;
  }
}

function readChange(item: unknown): WorkChange | null {
  if (!isMapping(item)) return null;
  const { path, before, content } = item;
  if (typeof path !== 'string' || path === '' || !/^[\u0001-\u00ff]+$/.test(path)) return null;
  if (before !== null && !isOid(before)) return null;
  if (content === null) return before === null ? null : { path, before, content };
  if (!isMapping(content) || !MODES.includes(content['mode'])) return null;
  const { mode, base64 } = content;
  return typeof base64 === 'string'
    ? { path, before, content: { mode: mode as WorkMode, base64 } }
    : null;
}

function isOid(value: unknown): value is string {
  return typeof value === 'string' && parseOid(value) !== null;
}
