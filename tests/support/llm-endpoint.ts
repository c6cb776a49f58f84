/**
 * A provider of language models on loopback, for tests: it speaks the forms of Anthropic
 * (messages), OpenAI (chat completions, responses) and Gemini (generateContent), streaming and not,
 * and answers what the test's own function says. Every request is kept.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { frame, frameError, type Answer } from './llm/answer.ts';
import { readQuestion, wireOf, type Question } from './llm/question.ts';

export type { Answer } from './llm/answer.ts';
export type { Question, Turn } from './llm/question.ts';

export interface LlmEndpoint {
  /** `http://127.0.0.1:<port>`, without a path. */
  readonly url: string;
  /** Everything that asked for an answer, in order. */
  readonly questions: readonly Question[];
  /** How many connections are cut off by the client while an answer was on its way. */
  readonly aborted: () => number;
  readonly close: () => Promise<void>;
}

/** Starts an endpoint that answers each question with what the function gives. */
export async function startLlmEndpoint(
  answer: (question: Question) => Answer,
): Promise<LlmEndpoint> {
  const questions: Question[] = [];
  const seen = { aborted: 0 };
  const server = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) seen.aborted += 1;
    });
    respond(request, response, { questions, answer }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    questions,
    aborted: () => seen.aborted,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Desk {
  readonly questions: Question[];
  readonly answer: (question: Question) => Answer;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  desk: Desk,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname.replace(/\/+$/, '');
  const wire = request.method === 'POST' ? wireOf(path) : null;
  const raw = await readBody(request);
  if (wire === null) {
    sendAside(response, path);
    return;
  }
  const question = readQuestion(wire, { path, key: keyOf(request), raw });
  desk.questions.push(question);
  const answer = desk.answer(question);
  switch (answer.kind) {
    case 'redirect':
      response.writeHead(307, { location: answer.to }).end();
      return;
    case 'error':
      sendJson(response, answer.status, {
        body: frameError(question, answer),
        headers:
          answer.retryAfterS === undefined ? {} : { 'retry-after': String(answer.retryAfterS) },
      });
      return;
    case 'text':
    case 'tool': {
      const framed = frame(question, answer.kind === 'tool' ? answer : { ...answer, kind: 'text' });
      if (!question.streams) sendJson(response, 200, { body: framed.whole });
      else
        response
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .end([...framed.head, ...framed.pieces, ...framed.tail].join(''));
      return;
    }
    case 'cut':
    case 'stall': {
      const { head, pieces } = frame(question, { ...answer, kind: 'text' });
      if (question.streams)
        response
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .write([...head, ...pieces.slice(0, Math.ceil(pieces.length / 2))].join(''));
      // What was written goes out before the end.
      if (answer.kind === 'cut') setTimeout(() => response.destroy(), 20);
    }
  }
}

/** Questions about models and tokens, which clients ask besides. */
function sendAside(response: ServerResponse, path: string): void {
  if (path.endsWith('/count_tokens')) sendJson(response, 200, { body: { input_tokens: 10 } });
  else if (path.endsWith(':countTokens')) sendJson(response, 200, { body: { totalTokens: 10 } });
  else if (path.endsWith('/models'))
    sendJson(response, 200, { body: { object: 'list', data: [], models: [], has_more: false } });
  else sendJson(response, path === '' ? 200 : 404, { body: {} });
}

function sendJson(
  response: ServerResponse,
  status: number,
  {
    body,
    headers,
  }: { readonly body: unknown; readonly headers?: Readonly<Record<string, string>> },
): void {
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify(body));
}

function keyOf({ headers }: IncomingMessage): string {
  const given =
    headers['x-api-key'] ??
    headers['x-goog-api-key'] ??
    headers.authorization?.replace(/^Bearer\s+/i, '') ??
    '';
  return String(given);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  const body = Buffer.concat(chunks);
  const coding = request.headers['content-encoding'];
  if (coding === 'gzip') return gunzipSync(body).toString('utf8');
  return (coding === 'br' ? brotliDecompressSync(body) : body).toString('utf8');
}
