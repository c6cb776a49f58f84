/** Decoding of message texts, each once. */
import { decodeMessage, type MessageRead } from '../../protocol/message.ts';
import { rememberText } from './text-memo.ts';

/** The message in a text. */
export const readMessage: (text: string) => MessageRead = rememberText(
  (text) => decodeMessage(Buffer.from(text, 'utf8')),
  16_000_000,
);
