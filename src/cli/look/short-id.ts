import { messageId } from '../../protocol/paths.ts';
import { plain } from '../io.ts';

/**
 * Ten characters of a ULID are its time, the rest chance: so much of it names one message and can
 * be typed back.
 */
export const ULID_CHARS_SHOWN = 12;

/** A message's id as lists show it: a prefix of its ULID, or its whole hand-made name. */
export function shortId(path: string): string {
  return shortenId(messageId(path));
}

/** The same of an id. */
export function shortenId(id: string): string {
  const ulid = /^[0-9A-HJKMNP-TV-Z]{26}/.exec(id);
  return plain(ulid === null ? id : id.slice(0, ULID_CHARS_SHOWN) + id.slice(26));
}
