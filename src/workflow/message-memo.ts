/** Decoding of message texts, remembered: a run is folded anew after every commit, and its files do not change. Same text, same result. */
import { decodeMessage, type MessageRead } from '../protocol/message.ts';

const CHARS_MAX = 16_000_000;

const known = new Map<string, MessageRead>();
let chars = 0;

/** The message in a text. The memory is bounded; when it is full, it starts over. */
export function readMessage(text: string): MessageRead {
  const found = known.get(text);
  if (found !== undefined) return found;
  const read = decodeMessage(Buffer.from(text, 'utf8'));
  if (chars + text.length > CHARS_MAX) {
    known.clear();
    chars = 0;
  }
  known.set(text, read);
  chars += text.length;
  return read;
}
