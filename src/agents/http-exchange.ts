/**
 * One POST over HTTP and what comes back, event by event. No redirect is followed, no proxy used,
 * nothing kept.
 */
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface Exchange {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
  readonly onActivity: (bytes: number) => void;
  /** The data of one event of a stream. */
  readonly onEvent: (data: string) => void;
}

export type ExchangeEnd =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly header: (name: string) => string | null;
      /** The text of an answer that is not a stream of events; empty for one that is. */
      readonly text: string;
      /** False: the connection ended in the middle. */
      readonly whole: boolean;
    }
  /** Nothing came back, with the system's reason. */
  | { readonly kind: 'no-response'; readonly why: string };

/** An error's text or a whole answer is no longer than this; more is dropped. */
const TEXT_BYTES_MAX = 64 * 1_048_576;

/** Sends and reads to the end. Never rejects. */
export async function exchange(parts: Exchange): Promise<ExchangeEnd> {
  try {
    const response = await send(parts);
    return await read(response, parts);
  } catch (error) {
    return { kind: 'no-response', why: reasonOf(error) };
  }
}

function send({ url, headers, body, signal }: Exchange): Promise<IncomingMessage> {
  const request = url.protocol === 'http:' ? requestHttp : requestHttps;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
      },
      agent: false,
      signal,
    });
    sent.once('response', resolve);
    // Stays for the whole life of the request: later errors reach the reader of the response.
    sent.on('error', reject);
    sent.end(body);
  });
}

async function read(
  response: IncomingMessage,
  { onActivity, onEvent }: Exchange,
): Promise<ExchangeEnd> {
  const status = response.statusCode ?? 0;
  const header = (name: string): string | null => {
    const value = response.headers[name];
    return typeof value === 'string' ? value : null;
  };
  const streams = status === 200 && (header('content-type') ?? '').startsWith('text/event-stream');
  const take = streams ? createEventReader(onEvent) : null;
  const decoder = new TextDecoder();
  const texts: string[] = [];
  let room = TEXT_BYTES_MAX;
  try {
    for await (const chunk of response) {
      const bytes = chunk as Uint8Array;
      onActivity(bytes.length);
      const text = decoder.decode(bytes, { stream: true });
      if (take !== null) take(text);
      else if (room > 0) texts.push(text.slice(0, room));
      room -= text.length;
    }
  } catch {
    return { kind: 'response', status, header, text: texts.join(''), whole: false };
  }
  take?.('\n\n');
  return { kind: 'response', status, header, text: texts.join(''), whole: response.complete };
}

/**
 * Hands on the `data:` of each event. An event may come in any number of pieces, with any line end.
 */
function createEventReader(onEvent: (data: string) => void): (text: string) => void {
  let rest = '';
  let data: string[] = [];
  const takeLine = (line: string): void => {
    if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
    if (line !== '' || data.length === 0) return;
    onEvent(data.join('\n'));
    data = [];
  };
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) takeLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  };
}

/**
 * `ECONNREFUSED`, `ENOTFOUND` … with the words around it; a refused connection to a name with two
 * addresses hides them inside.
 */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : 'unknown error';
}
