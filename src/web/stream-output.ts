/**
 * What the agents of this host print for a message, as server-sent events: what is kept first, then
 * everything as it comes.
 */
import type { ServerResponse } from 'node:http';
import { followControl } from '../local/control-client.ts';
import { readTranscripts } from '../local/transcripts.ts';
import { isMapping } from '../protocol/yaml.ts';
import { formatShown } from './format-shown.ts';
import type { Desk } from './desk.ts';
import { findEntry } from './show-messages.ts';

/** Characters of what is kept that are sent: the last ones. */
const KEPT_CHARS_MAX = 200_000;

/** One piece: it ends at the character `end` of what the attempt printed. */
export interface Piece {
  readonly attempt: string;
  readonly model: string;
  readonly text: string;
  readonly end: number;
}

/** Sends what is printed for the message until the page goes. Throws NOT_FOUND for no message. */
export async function streamOutput(
  desk: Desk,
  asked: string,
  response: ServerResponse,
): Promise<void> {
  const moment = await desk.now();
  const { path, replyTo } = findEntry(moment, asked);
  const message = replyTo ?? path;
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const send = (piece: Piece): void => {
    response.write(`event: output\ndata: ${formatShown(piece)}\n\n`);
  };
  const sendKept = async (): Promise<void> => {
    const kept = await readTranscripts(moment.session.directory.transcripts, message);
    for (const { attemptId, model, text } of kept)
      send({ attempt: attemptId, model, text: text.slice(-KEPT_CHARS_MAX), end: text.length });
  };
  const hear = (event: unknown): void => {
    if (!isMapping(event) || event['event'] !== 'attempt.output' || event['message'] !== message)
      return;
    const { attemptId, model, text, end } = event;
    if (typeof text === 'string' && typeof end === 'number')
      send({ attempt: String(attemptId), model: String(model), text, end });
  };
  await sendKept();
  // What is printed between the two is in both; the page drops what it has by its end.
  const followed = await followControl(desk.directory, {
    onStart: () => void sendKept().catch(() => response.destroy()),
    onEvent: hear,
    signal: gone.signal,
  });
  if (gone.signal.aborted) return;
  response.end(`event: over\ndata: ${followed.kind}\n\n`);
}
