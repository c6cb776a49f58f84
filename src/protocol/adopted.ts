/**
 * A late answer that a person publishes by hand: where nobody has answered, the reply; else a
 * message beside it, which wakes nobody. PROTOCOL.md "Late answers". Pure.
 */
import { formatIso } from '../base/clock.ts';
import { ackPath } from './acks.ts';
import { writeFrontMatter } from './front-matter.ts';
import { messageId, replyPath } from './paths.ts';
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
  /** Files of the answer, which were not kept. */
  readonly filesLost: number;
  readonly by: string;
  readonly atMs: number;
}

/** The files of a commit, and what it says. */
export interface Adopted {
  readonly path: string;
  readonly writes: readonly { readonly path: string; readonly content: string }[];
  readonly message: string;
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
  const fields = { to, from: by, timestamp: formatIso(atMs), late: true, ...rest };
  const body = `${headOf(adoption)}\n\n${adoption.text.trim()}\n`;
  const subject = formatSubject(`${by} → ${asker}: late answer of ${recipient}`);
  const trailers = formatTrailers([
    ['Re', messageId(message)],
    ['Channel', channel],
  ]);
  return {
    path: parts.path,
    writes: [{ path: parts.path, content: writeFrontMatter(fields, body) }, ...parts.more],
    message: `${subject}\n\n${textForLog(body)}\n\n${trailers}`,
  };
}

function headOf({ recipient, host, attempt, isPart, filesLost, by }: Adoption): string {
  const what = isPart ? 'Unfinished, and stopped' : 'Answered late';
  const files = filesLost === 0 ? '' : ` Its ${filesLost} files were not kept.`;
  return `*${what}: ${recipient} on ${host}, attempt ${attempt}; published by hand by ${by}.${files}*`;
}
