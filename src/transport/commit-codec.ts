/** Git's commit objects as text. */
import { parseOid, type Oid } from '../base/ids.ts';
import type { SignedBytes } from '../protocol/trust.ts';
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
  return commitText(parts, []);
}

/** The same with a signature over it. `isSha256`: the objects of the repository are. */
export async function formatSignedCommit(
  parts: CommitParts,
  sign: (payload: Buffer) => Promise<string>,
  isSha256: boolean,
): Promise<string> {
  const signature = await sign(Buffer.from(formatCommit(parts)));
  const name = isSha256 ? 'gpgsig-sha256' : 'gpgsig';
  return commitText(parts, [`${name} ${signature.trim().replaceAll('\n', '\n ')}`]);
}

function commitText(parts: CommitParts, headers: readonly string[]): string {
  const seconds = Math.max(0, Math.floor(parts.atMs / 1_000));
  const message = withoutLastNewlines(parts.message.replaceAll('\0', ''));
  return [
    `tree ${parts.tree}`,
    ...parts.parents.map((parent) => `parent ${parent}`),
    `author ${formatIdentity(parts.author)} ${seconds} +0000`,
    `committer ${formatIdentity(parts.committer)} ${seconds} +0000`,
    ...headers,
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
 * A commit object's content; null when it is not a commit that can be read. Signatures and other
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
  const author = parseSigned(values('author')[0] ?? '');
  const committer = parseSigned(values('committer')[0] ?? '');
  return {
    oid,
    tree,
    parents,
    author: author.who,
    committer: committer.who,
    authoredMs: author.atMs,
    message,
  };
}

/** What of a commit object's content is signed, and the signature; null when it has none. */
export function splitSignature(bytes: Buffer): SignedBytes | null {
  const end = bytes.indexOf('\n\n');
  const kept: string[] = [];
  const signature: string[] = [];
  let isPart = false;
  for (const line of bytes.toString('latin1', 0, end < 0 ? bytes.length : end).split('\n')) {
    const isFirst = line.startsWith('gpgsig ') || line.startsWith('gpgsig-sha256 ');
    isPart = isFirst || (isPart && line.startsWith(' '));
    if (isPart) signature.push(line.slice(isFirst ? line.indexOf(' ') + 1 : 1));
    else kept.push(line);
  }
  if (signature.length === 0) return null;
  const payload = [Buffer.from(kept.join('\n'), 'latin1'), end < 0 ? '' : bytes.subarray(end)];
  return {
    payload: Buffer.concat(payload.map((part) => Buffer.from(part as string))),
    signature: signature.join('\n'),
  };
}

// No patterns here: on a line made to hurt, a backtracking match takes time by the square of its
// length.
function parseSigned(line: string): { readonly who: Identity; readonly atMs: number } {
  const open = line.indexOf('<');
  const close = line.lastIndexOf('>');
  if (open < 0 || close < open) return { who: { name: line.trim(), email: '' }, atMs: 0 };
  const seconds = Number(
    line
      .slice(close + 1)
      .trim()
      .split(' ')[0],
  );
  return {
    who: { name: line.slice(0, open).trim(), email: line.slice(open + 1, close) },
    atMs: Number.isSafeInteger(seconds * 1_000) ? seconds * 1_000 : 0,
  };
}

function withoutLastNewlines(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '\n') end -= 1;
  return text.slice(0, end);
}
