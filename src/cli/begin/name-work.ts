/**
 * Who asks what, for the lines of `run`: `ada "Is the lease safe…"`. Read when a message is
 * claimed, so that it is known when its agent starts; shown only, never logged.
 */
import type { LogRecord } from '../../base/log.ts';
import { oneLine } from '../../base/plain-text.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { decodeMessage } from '../../protocol/message.ts';
import { firstLine } from '../../protocol/reply.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** Signs of a message that are shown. */
const WORDS_MAX = 40;

/** What is known of claimed messages, by path. */
export interface WorkNames {
  /** Looks at every event: reads what is claimed, forgets what is answered. */
  readonly take: (record: LogRecord) => void;
  /** `ada "Is the lease safe…"`; null while it is not known. */
  readonly of: (path: string) => string | null;
}

export function nameWork({ repository, mirror }: TransportSession): WorkNames {
  const names = new Map<string, string>();
  const read = async (path: string): Promise<void> => {
    const open = mirror.index().messages.get(path);
    if (open === undefined) return;
    names.set(path, open.from);
    const [blob] = await repository.readBlobs([open.blob], MESSAGE_BYTES_MAX);
    const decoded = blob?.kind === 'bytes' ? decodeMessage(blob.bytes, path) : null;
    // It may have been answered since.
    if (decoded?.kind !== 'message' || !names.has(path)) return;
    const { fields, body } = decoded.message;
    const words = oneLine(fields.subject ?? firstLine(body), WORDS_MAX);
    if (words !== '') names.set(path, `${open.from} "${words}"`);
  };
  return {
    take: ({ event, fields: { message: path } }) => {
      if (typeof path !== 'string') return;
      // Without the words the name is enough.
      if (event === 'message.claimed') void read(path).catch(() => undefined);
      if (event === 'reply.published' || event === 'claim.lost' || event === 'claim.released')
        names.delete(path);
    },
    of: (path) => names.get(path) ?? null,
  };
}
