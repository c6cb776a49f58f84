/**
 * The mark that an agent with effects outside was started: the file `<stem>.started.<recipient>`
 * beside its message, committed before the start. Claims are refs, which anyone who can push may
 * move or delete; a mark stands on the branch, so that no host starts the same work a second time
 * whatever happens to the claim. PROTOCOL.md "Starts".
 */
import { formatIso } from '../base/clock.ts';
import { parseOid } from '../base/ids.ts';
import { type Claim, isHex, parseRecord } from './claim.ts';
import { isAlias } from './names.ts';
import { messageId, parseStartedPath, startedPath } from './paths.ts';
import { dispatcherIdentity } from './reply.ts';
import { formatSubject } from './subject.ts';
import { formatTrailers } from './trailers.ts';

/** A mark that stands and that somebody may still need to know of. */
export interface StartMark {
  readonly path: string;
  /** The reply stands beside it; its work can be open again only as a copy of its message. */
  readonly isAnswered: boolean;
  /** The piece of work that was started. */
  readonly key: string;
  /** Its message, where it stood then. */
  readonly message: string;
  readonly recipient: string;
  /** Who started it, and what it was given; null when the file says nothing that can be read. */
  readonly by: StartedBy | null;
}

/** Who started an agent, and on which bytes. */
export type StartedBy = Pick<Claim, 'blob' | 'alias' | 'instance' | 'nonce'>;

/** The text of the mark for an attempt under `claim`. */
export function formatStart(claim: Claim, atMs: number): string {
  const { blob, alias, instance, run, attempt, nonce } = claim;
  return `${JSON.stringify({ v: 1, blob, alias, instance, run, attempt, nonce, at: formatIso(atMs) })}\n`;
}

/** The mark at `path` with this text (null: too large, or no text); null for any other path. */
export function readStart(
  { path, isAnswered }: Pick<StartMark, 'path' | 'isAnswered'>,
  text: string | null,
): StartMark | null {
  const parsed = parseStartedPath(path);
  return parsed === null ? null : { path, isAnswered, ...parsed, by: parseStartedBy(text ?? '') };
}

function parseStartedBy(text: string): StartedBy | null {
  const raw = parseRecord(text);
  if (raw === null || raw['v'] !== 1 || typeof raw['blob'] !== 'string') return null;
  const { alias, instance, nonce } = raw;
  const blob = parseOid(raw['blob']);
  if (blob === null || typeof alias !== 'string' || !isAlias(alias)) return null;
  return isHex(instance) && isHex(nonce) ? { blob, alias, instance, nonce } : null;
}

/** What to commit before the start, for a message that stands at `path` now. */
export function composeStart(started: {
  readonly claim: Claim;
  readonly path: string;
  readonly channel: string;
  readonly asker: string;
  readonly atMs: number;
}) {
  const { claim, path, channel, asker, atMs } = started;
  const identity = dispatcherIdentity(claim.alias);
  const id = messageId(path);
  return {
    writes: [{ path: startedPath(path, claim.recipient), content: formatStart(claim, atMs) }],
    author: identity,
    committer: identity,
    atMs,
    message: `${formatSubject(`${claim.recipient} starts on ${claim.alias} for ${asker}: ${id}`)}

What it does cannot be taken back: no host starts it again for this message.

${formatTrailers([
  ['Started', id],
  ['Channel', channel],
  ['Host', claim.alias],
])}`,
  };
}
