/**
 * What the real agent programs are asked, what the endpoint answers, and the classes of failure
 * that come of it.
 */
import type { Answer, Question, Turn } from '../support/llm-endpoint.ts';

export const SECRET = 'TOP-SECRET-LINE-OF-THE-HOST';
const PERSONA = 'PERSONA-WORD-42';
export const GENERAL = 'data/channels/general';
/** What is asked before anything else. */
export const FIRST = `${GENERAL}/text.md`;
export const TOKENS = [1_000, 70] as const;

/** The usual class of each failure that the endpoint plays. */
export const CLASSES: Readonly<Record<string, readonly string[]>> = {
  auth: ['auth'],
  rate: ['rate-limit'],
  // Told with the time at which it ends.
  reset: ['rate-limit', 'usage-limit'],
  quota: ['usage-limit'],
  broken: ['unavailable'],
  context: ['context'],
  cut: ['unavailable'],
  down: ['unavailable'],
};

/** Where each case is asked: in its own message, or with others in one. */
export interface Cases {
  /** Message → what it says; the rest of its head. */
  readonly messages: Readonly<Record<string, Said>>;
  /** Case → the message that shows it. */
  readonly shownBy: Readonly<Record<'persona' | 'big' | 'mention' | 'command' | 'flag', string>>;
  /** The message that continues the thread of `text`, on the same host. */
  readonly more: string;
}

interface Said {
  readonly text: string;
  readonly head?: string;
}

const AS = 'as: data/personas/terse.md\n';
const BIG = Array.from({ length: 3_000 }, () => `[[m]] ${'x'.repeat(90)}`).join('\n');
const mentionsIn = (place: string): string =>
  `@${place}/secret.txt @~/secret.txt @/etc/passwd and @../secret.txt`;

/** Each case on its own. */
export function eachAlone(place: string): Cases {
  return {
    messages: {
      text: { text: 'hello from far away' },
      persona: { text: 'Who are you? [do:describe]', head: AS },
      big: { text: `${BIG}\n[do:describe]` },
      mention: { text: `${mentionsIn(place)} [do:describe]` },
      command: { text: '/quit [do:describe]' },
      flag: { text: '--version [do:describe]' },
    },
    shownBy: {
      persona: 'persona',
      big: 'big',
      mention: 'mention',
      command: 'command',
      flag: 'flag',
    },
    more: 'And now? [do:history]',
  };
}

/** The same in as few starts as can show them. */
export function together(place: string): Cases {
  return {
    messages: {
      text: { text: '/quit [do:describe]' },
      big: { text: `${mentionsIn(place)}\n${BIG}\n[do:describe]`, head: AS },
    },
    shownBy: { persona: 'big', big: 'big', mention: 'big', command: 'text', flag: 'more' },
    more: '--version [do:history]',
  };
}

/** The messages that do not wait for each other, path → content. */
export function firstMessages(
  { messages }: Cases,
  failures: readonly string[],
): Readonly<Record<string, string>> {
  const to = (model: string, text: string, more = ''): string =>
    `---\nto: ${model}\n${more}---\n${text}\n`;
  const all: Readonly<Record<string, string>> = {
    ...Object.fromEntries(
      Object.entries(messages).map(([name, { text, head }]) => [name, to('main', text, head)]),
    ),
    // Before the others: it takes the whole of its time.
    tool: to('writes', 'Use your shell. [do:tool]', 'priority: 8\n'),
    ...Object.fromEntries(
      failures.map((failure) => [failure, to(`fails-${failure}`, `Please. [do:${failure}]`)]),
    ),
  };
  const files = Object.fromEntries(
    Object.entries(all).map(([name, text]) => [`${GENERAL}/${name}.md`, text]),
  );
  return { ...files, 'data/personas/terse.md': `You are ${PERSONA}.\n` };
}

/** Said by this endpoint before. Some programs put words of their own into the model's mouth. */
function isOwnAnswer({ role, text }: Turn): boolean {
  return ['assistant', 'model'].includes(role) && text.includes('It says: ');
}

/** What the provider says to a question; `[do:…]` in the message steers it. */
export function answer(question: Question, tool: Answer): Answer {
  const text = (words: string): Answer => ({ kind: 'text', text: words, tokens: TOKENS });
  const asked = [...question.user.matchAll(/\[do:([a-z]+)\]/g)].at(-1)?.[1] ?? '';
  switch (asked) {
    case 'describe':
      return text(
        `It says: still here, persona ${question.raw.includes(PERSONA)}, ${question.user.split('[[m]]').length - 1} markers`,
      );
    case 'history':
      return text(`own answers before: ${question.turns.filter(isOwnAnswer).length}`);
    case 'tool':
      return question.toolResult === null ? tool : text(`it ended: ${question.toolResult}`);
    case 'auth':
      return { kind: 'error', status: 401 };
    case 'rate':
      return { kind: 'error', status: 429, retryAfterS: 1 };
    case 'quota':
      return { kind: 'error', status: 429, says: 'quota' };
    case 'reset':
      return { kind: 'error', status: 429, says: 'reset' };
    case 'broken':
      return { kind: 'error', status: 500 };
    case 'context':
      return { kind: 'error', status: 400, says: 'context' };
    case 'cut':
      return { kind: 'cut', text: 'half of this answer is never said by anybody' };
    default:
      return text('It says: hello from far away');
  }
}
