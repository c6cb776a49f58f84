/** What the real agent programs are asked, what the endpoint answers, and the classes of failure that come of it. */
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

/** The messages that do not wait for each other, path → content. */
export function firstMessages(failing: readonly string[], place: string): Readonly<Record<string, string>> {
  const to = (model: string, text: string, more = ''): string => `---\nto: ${model}\n${more}---\n${text}\n`;
  const filler = 'x'.repeat(90);
  const failures = failing.map((failure) => [failure, to(`fails-${failure}`, `Please. [do:${failure}]`)]);
  const messages: Readonly<Record<string, string>> = {
    text: to('main', 'hello from far away'),
    persona: to('main', 'Who are you? [do:persona]', 'as: data/personas/terse.md\n'),
    big: to('main', `${Array.from({ length: 3_000 }, () => `[[m]] ${filler}`).join('\n')}\n[do:count]`),
    mention: to('main', `@${place}/secret.txt @~/secret.txt @/etc/passwd and @../secret.txt [do:hostile]`),
    command: to('main', '/quit [do:hostile]'),
    flag: to('main', '--version [do:hostile]'),
    tool: to('writes', `Use your shell. [do:tool]`, 'priority: 8\n'),
    ...(Object.fromEntries(failures) as Readonly<Record<string, string>>),
  };
  const files = Object.fromEntries(Object.entries(messages).map(([name, text]) => [`${GENERAL}/${name}.md`, text]));
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
    case 'persona':
      return text(`persona ${question.raw.includes(PERSONA)}`);
    case 'count':
      return text(`${question.user.split('[[m]]').length - 1} markers`);
    case 'history':
      return text(`own answers before: ${question.turns.filter(isOwnAnswer).length}`);
    case 'hostile':
      return text('It says: still here');
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
