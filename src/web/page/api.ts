/**
 * Questions to the server and what it answered last. An answer stays on the page until a newer one
 * is there, so nothing flickers.
 */
import { type Fix, fixBy } from '../../base/fix.ts';
import { useEffect, useState } from 'preact/hooks';

/** What went wrong, in the server's words. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly fix: Fix | null;
}

export interface Answer<T> {
  readonly data: T | null;
  readonly problem: Problem | null;
}

interface Kept {
  answer: Answer<unknown>;
  etag: string | null;
  asking: boolean;
  again: boolean;
  readonly listeners: Set<() => void>;
}

const kept = new Map<string, Kept>();
/** Answers that nobody looks at are kept for the way back, so many of them. */
const KEPT_MAX = 60;

/** `null` asks nothing. */
export function useAnswer<T>(question: string | null): Answer<T> {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (question === null) return;
    const entry = entryOf(question);
    const hear = (): void => redraw((count) => count + 1);
    entry.listeners.add(hear);
    ask(question);
    return () => void entry.listeners.delete(hear);
  }, [question]);
  return (question === null ? EMPTY : (kept.get(question)?.answer ?? EMPTY)) as Answer<T>;
}

const EMPTY: Answer<unknown> = { data: null, problem: null };

function entryOf(question: string): Kept {
  const known = kept.get(question);
  if (known !== undefined) return known;
  if (kept.size >= KEPT_MAX)
    for (const [key, { listeners }] of kept) if (listeners.size === 0) kept.delete(key);
  const fresh: Kept = {
    answer: EMPTY,
    etag: null,
    asking: false,
    again: false,
    listeners: new Set(),
  };
  kept.set(question, fresh);
  return fresh;
}

function ask(question: string): void {
  const entry = entryOf(question);
  if (entry.asking) {
    entry.again = true;
    return;
  }
  entry.asking = true;
  void read(question, entry)
    .then((answer) => {
      if (answer !== null) {
        entry.answer = answer;
        for (const hear of entry.listeners) hear();
      }
    })
    .finally(() => {
      entry.asking = false;
      if (entry.again) {
        entry.again = false;
        ask(question);
      }
    });
}

/** Null when nothing is new. */
async function read(question: string, entry: Kept): Promise<Answer<unknown> | null> {
  try {
    const headers = entry.etag === null ? undefined : { 'if-none-match': entry.etag };
    const response = await fetch(`/api/${question}`, {
      cache: 'no-store',
      ...(headers === undefined ? {} : { headers }),
    });
    if (response.status === 304) return null;
    const body = (await response.json()) as unknown;
    if (!response.ok) {
      const problem = (body as { error: Problem }).error;
      // What is gone is not shown any longer; with any other trouble what was known last is better
      // than nothing.
      const isGone = problem.code === 'NOT_FOUND';
      if (isGone) entry.etag = null;
      return { data: isGone ? null : entry.answer.data, problem };
    }
    entry.etag = response.headers.get('etag');
    return { data: body, problem: null };
  } catch {
    return {
      data: entry.answer.data,
      problem: {
        code: 'GONE',
        message: 'crosstalkd web does not answer',
        fix: fixBy`crosstalkd web`,
      },
    };
  }
}

/** Asks everything again that is on the page. */
function refresh(): void {
  for (const [question, { listeners }] of kept) if (listeners.size > 0) ask(question);
}

/**
 * Follows the server: everything on the page is asked again when something has changed. Tells
 * whether the line stands.
 */
export function followServer(onLine: (isUp: boolean) => void): () => void {
  const source = new EventSource('/api/events');
  let timer: ReturnType<typeof setTimeout> | null = null;
  source.addEventListener('change', () => {
    timer ??= setTimeout(() => {
      timer = null;
      refresh();
    }, 60);
  });
  source.addEventListener('open', () => {
    onLine(true);
    refresh();
  });
  source.addEventListener('error', () => onLine(false));
  return () => source.close();
}

/** How a change ended. */
export type Changed =
  | {
      readonly kind: 'done';
      readonly data: Readonly<Record<string, unknown>>;
      readonly notes: readonly string[];
    }
  | { readonly kind: 'refused'; readonly problem: Problem };

/** A text among the facts, or `otherwise`. */
export function textIn(
  data: Readonly<Record<string, unknown>>,
  key: string,
  otherwise: string,
): string {
  const value = data[key];
  return typeof value === 'string' ? value : otherwise;
}

let csrf = '';

/** The secret that changes need; it comes with the summary. */
export function keepCsrf(secret: string): void {
  csrf = secret;
}

/** What a change takes, by name. */
export type Body = Readonly<Record<string, string | readonly Upload[]>>;

/** A file that goes with a message: its name, and its bytes in base64. */
export interface Upload {
  readonly name: string;
  readonly base64: string;
}

/** Asks for a change. `keepalive`: it is made even though the page goes. */
export async function change(
  name: string,
  body: Body,
  { keepalive = false }: { readonly keepalive?: boolean } = {},
): Promise<Changed> {
  try {
    const response = await fetch(`/api/${name}`, {
      method: 'POST',
      cache: 'no-store',
      headers: { 'content-type': 'application/json', 'x-crosstalk-csrf': csrf },
      body: JSON.stringify(body),
      keepalive,
    });
    const told = (await response.json()) as {
      readonly error?: Problem;
      readonly data?: Readonly<Record<string, unknown>>;
      readonly notes?: readonly string[];
      readonly code?: number;
    };
    if (told.error !== undefined) return { kind: 'refused', problem: told.error };
    const data = told.data ?? {};
    if (told.code !== 0 && data['ok'] !== true)
      return {
        kind: 'refused',
        problem: { code: 'REFUSED', message: textIn(data, 'answer', 'it was refused'), fix: null },
      };
    refresh();
    return { kind: 'done', data, notes: told.notes ?? [] };
  } catch {
    return {
      kind: 'refused',
      problem: {
        code: 'GONE',
        message: 'crosstalkd web does not answer',
        fix: fixBy`crosstalkd web`,
      },
    };
  }
}
