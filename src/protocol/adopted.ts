/**
 * A late answer that a person publishes by hand: the reply if there is none, otherwise a message
 * beside it that wakes nobody. PROTOCOL.md "Late answers". Pure.
 */
import { formatIso } from '../base/clock.ts';
import { ackPath } from './acks.ts';
import { writeFrontMatter } from './front-matter.ts';
import { type Attachment, fieldOfAttachments } from './attachments.ts';
import { attachmentFolder, messageId, replyPath } from './paths.ts';
import { textForLog } from './reply.ts';
import { formatSubject } from './subject.ts';
import { formatTrailers } from './trailers.ts';

/** What is published, by whom, for which question. */
export interface Adoption {
  readonly message: string;
  readonly channel: string;
  readonly asker: string;
  /** Hops of the message. */
  readonly hops: number;
  readonly recipient: string;
  /** Host and attempt that it comes from. */
  readonly host: string;
  readonly attempt: number;
  /** It was stopped before it was done. */
  readonly isPart: boolean;
  readonly text: string;
  readonly files: readonly Attachment[];
  /** Files of the answer that were not kept, or have no place. */
  readonly filesLost: number;
  readonly by: string;
  readonly atMs: number;
}

/** The files of a commit, and what it says. */
export interface Adopted {
  readonly path: string;
  readonly writes: readonly { readonly path: string; readonly content: string | Uint8Array }[];
  readonly message: string;
}

/** The same without its files: something stands in their place. */
export function withoutFiles(adoption: Adoption): Adoption {
  const { files, filesLost } = adoption;
  return { ...adoption, files: [], filesLost: filesLost + files.length };
}

/** As the answer, at the place of the reply that nobody has given. */
export function adoptAsReply(adoption: Adoption): Adopted {
  const { message, recipient, asker, hops } = adoption;
  const path = replyPath(message, recipient);
  const fields = { to: asker, re: message, hops: hops + 1, model: recipient };
  return adopted(adoption, { path, fields, more: [] });
}

/**
 * Beside the reply that stands: at `path`, to `to`, whom it does not wake. The failure that it
 * answers needs nobody any more.
 */
export function adoptBeside(
  adoption: Adoption,
  at: { readonly path: string; readonly to: string; readonly isAfterFailure: boolean },
): Adopted {
  const { message, channel, recipient, by, atMs } = adoption;
  const fields = { to: at.to, re: replyPath(message, recipient), model: recipient };
  const id = messageId(message);
  const ack = { ack: id, from: by, timestamp: formatIso(atMs) };
  const note = {
    path: ackPath({ kind: 'failure', channel, id, model: recipient }),
    content: writeFrontMatter(ack, 'Its late answer was adopted.\n'),
  };
  return adopted(adoption, { path: at.path, fields, more: at.isAfterFailure ? [note] : [] });
}

function adopted(
  adoption: Adoption,
  parts: {
    readonly path: string;
    readonly fields: Readonly<Record<string, unknown>>;
    readonly more: Adopted['writes'];
  },
): Adopted {
  const { recipient, asker, by, atMs, channel, message } = adoption;
  const { to, ...rest } = parts.fields;
  const names = adoption.files.map(({ name }) => name);
  const files = names.length === 0 ? undefined : fieldOfAttachments(parts.path, names);
  const fields = { to, from: by, timestamp: formatIso(atMs), late: true, files, ...rest };
  const body = `${headOf(adoption)}\n\n${adoption.text.trim()}\n`;
  const subject = formatSubject(`${by} → ${asker}: late answer of ${recipient}`);
  const trailers = formatTrailers([
    ['Re', messageId(message)],
    ['Channel', channel],
    ['Files', names.length === 0 ? null : names.join(', ')],
  ]);
  const folder = attachmentFolder(parts.path);
  return {
    path: parts.path,
    writes: [
      { path: parts.path, content: writeFrontMatter(fields, body) },
      ...adoption.files.map(({ name, bytes }) => ({ path: `${folder}/${name}`, content: bytes })),
      ...parts.more,
    ],
    message: `${subject}\n\n${textForLog(body)}\n\n${trailers}`,
  };
}

function headOf({ recipient, host, attempt, isPart, filesLost, by }: Adoption): string {
  const what = isPart ? 'Unfinished, and stopped' : 'Answered late';
  const files = filesLost === 0 ? '' : ` Files that are not here: ${filesLost}.`;
  return `${what}: ${recipient} on ${host}, attempt ${attempt}; published by hand by ${by}.${files}`;
}
