/**
 * Detects models that talk in circles: the same words again, or two models back and forth.
 * PROTOCOL.md "When an agent fails". Pure.
 */
import type { PromptParts } from './prompt.ts';

/**
 * This many messages in turns between the same two models, and nobody else, are not a conversation
 * any more.
 */
const PING_PONG = 6;

/** A message with everything before it. */
export interface Conversation extends Pick<PromptParts, 'thread' | 'from' | 'recipient' | 'body'> {
  /** Names of models: people may repeat themselves. */
  readonly models: ReadonlySet<string>;
}

/** What goes in circles, for people, or null. */
export function findLoop({ thread, from, recipient, body, models }: Conversation): string | null {
  if (!models.has(from)) return null;
  const same = (a: string, b: string): boolean => normalize(a) === normalize(b);
  const ofSender = thread.filter((entry) => entry.from === from).at(-1);
  if (ofSender !== undefined && same(ofSender.body, body))
    return `${from} says the same as in ${ofSender.path}`;
  const [before, last] = thread.filter((entry) => entry.from === recipient).slice(-2);
  if (before !== undefined && last !== undefined && same(before.body, last.body))
    return `${recipient} has given the same answer twice, last in ${last.path}`;
  const recent = [...thread.map((entry) => entry.from), from].slice(-PING_PONG);
  const isPingPong =
    recent.length === PING_PONG &&
    recent.every((name, index) => name === (index % 2 === 0 ? recent[0] : recent[1]));
  const [one, two] = recent;
  const both =
    one !== two &&
    [from, recipient].every((name) => name === one || name === two) &&
    models.has(recipient);
  return isPingPong && both
    ? `${from} and ${recipient} have answered each other ${PING_PONG} times in turn`
    : null;
}

function normalize(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}
