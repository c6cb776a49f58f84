/** Who asks what, for the lines of `run`: `ada "Is the lease safe…"`. Shown only, never logged. */
import type { Oid } from '../../base/ids.ts';
import type { LogRecord } from '../../base/log.ts';
import { oneLine } from '../../base/plain-text.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { decodeMessage } from '../../protocol/message.ts';
import { firstLine } from '../../protocol/reply.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** Signs of a message that are shown. */
const WORDS_MAX = 40;

/** More than these are forgotten, and read again when they are shown. */
const NAMES_MAX = 2_000;

/** What is known of open messages, by path. */
export interface WorkNames {
  /** Looks at every event: reads what is claimed, before its agent starts. */
  readonly take: (record: LogRecord) => void;
  /** `ada "Is the lease safe…"`; `ada` while its words are read, null when it is not open. */
  readonly of: (path: string) => string | null;
}

export function nameWork({ repository, mirror }: TransportSession): WorkNames {
  const names = new Map<string, string>();
  const read = async (path: string, from: string, blob: Oid): Promise<void> => {
    const [bytes] = await repository.readBlobs([blob], MESSAGE_BYTES_MAX);
    const decoded = bytes?.kind === 'bytes' ? decodeMessage(bytes.bytes, path) : null;
    if (decoded?.kind !== 'message') return;
    const { fields, body } = decoded.message;
    const words = oneLine(fields.subject ?? firstLine(body), WORDS_MAX);
    if (words !== '') names.set(path, `${from} "${words}"`);
  };
  const of = (path: string): string | null => {
    const known = names.get(path);
    if (known !== undefined) return known;
    const open = mirror.index().messages.get(path);
    if (open === undefined) return null;
    if (names.size >= NAMES_MAX) names.clear();
    names.set(path, open.from);
    // Without its words the name is enough.
    void read(path, open.from, open.blob).catch(() => undefined);
    return open.from;
  };
  return {
    take: ({ event, fields: { message: path } }) => {
      if (event === 'message.claimed' && typeof path === 'string') of(path);
    },
    of,
  };
}
