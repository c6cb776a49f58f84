/** Git's commit objects as text. */
import { parseOid, type Oid } from '../base/ids.ts';
import type { CommitInfo, Identity } from './repository.ts';

/** More of a message than this is nobody's to read. */
const MESSAGE_BYTES_MAX = 1024 * 1024;

/** A commit that is to be written. */
export interface CommitParts {
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly author: Identity;
  readonly committer: Identity;
  readonly atMs: number;
  readonly message: string;
}

/**
 * The text of a commit object, clean by the rules of `git fsck --strict`: no NUL, no odd identity,
 * one newline at the end.
 */
export function formatCommit(parts: CommitParts): string {
  const seconds = Math.max(0, Math.floor(parts.atMs / 1_000));
  const message = withoutLastNewlines(parts.message.replaceAll('\0', ''));
  return [
    `tree ${parts.tree}`,
    ...parts.parents.map((parent) => `parent ${parent}`),
    `author ${formatIdentity(parts.author)} ${seconds} +0000`,
    `committer ${formatIdentity(parts.committer)} ${seconds} +0000`,
    '',
    `${message}\n`,
  ].join('\n');
}

function formatIdentity({ name, email }: Identity): string {
  return `${cleanIdentity(name) || 'unknown'} <${cleanIdentity(email).replaceAll(' ', '')}>`;
}

function cleanIdentity(text: string): string {
  return text

    .replace(/[\u0000-\u001f\u007f<>]/g, ' ')
    .replace(/ +/g, ' ')
    .trim();
}

/**
 * A commit object's content; null when it is no commit that can be read. Signatures and other
 * headers are passed over.
 */
export function parseCommit(oid: Oid, bytes: Buffer): (CommitInfo & { readonly tree: Oid }) | null {
  const end = bytes.indexOf('\n\n');
  const headers = bytes
    .subarray(0, end < 0 ? bytes.length : end)
    .toString('utf8')
    .split('\n');
  const values = (name: string): string[] =>
    headers.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
  const tree = parseOid(values('tree')[0] ?? '');
  if (tree === null) return null;
  const parents = values('parent').flatMap((text) => parseOid(text) ?? []);
  const body = end < 0 ? bytes.subarray(bytes.length) : bytes.subarray(end + 2);
  const latin = /^(iso-?8859-1|latin-?1|windows-1252|cp1252)$/i.test(values('encoding')[0] ?? '');
  const message = withoutLastNewlines(
    body.subarray(0, MESSAGE_BYTES_MAX).toString(latin ? 'latin1' : 'utf8'),
  );
  return { oid, tree, parents, ...parseAuthor(values('author')[0] ?? ''), message };
}

// No patterns here: on a line made to hurt, a backtracking match takes time by the square of its
// length.
function parseAuthor(line: string): Pick<CommitInfo, 'author' | 'authoredMs'> {
  const open = line.indexOf('<');
  const close = line.lastIndexOf('>');
  if (open < 0 || close < open) return { author: { name: line.trim(), email: '' }, authoredMs: 0 };
  const seconds = Number(
    line
      .slice(close + 1)
      .trim()
      .split(' ')[0],
  );
  const authoredMs = Number.isSafeInteger(seconds * 1_000) ? seconds * 1_000 : 0;
  return {
    author: { name: line.slice(0, open).trim(), email: line.slice(open + 1, close) },
    authoredMs,
  };
}

function withoutLastNewlines(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '\n') end -= 1;
  return text.slice(0, end);
}
