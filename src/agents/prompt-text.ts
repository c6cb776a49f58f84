/**
 * Messages are hostile input: several programs act on words in a prompt before any model sees it.
 * These are the cures. Pure.
 */

/** Put before a prompt that would begin with a command. */
const HEADER = 'Message:\n';

/**
 * A prompt that does not begin with what a program may take for its own command (`/quit`,
 * `!rm`, `#note`, `@file`, `-flag`).
 */
export function withoutCommand(prompt: string): string {
  return /^\s*[/!#@?-]/.test(prompt) ? HEADER + prompt : prompt;
}

/**
 * For programs that replace `@path` by the file's content and take `\@` as a plain `@`. A sign that
 * is escaped already, by any way of counting backslashes, gets none; one that is escaped only by
 * one way of counting gets another.
 */
export function withEscapedMentions(prompt: string): string {
  return prompt.replace(/(?<!\\)(\\*)@/g, (all, slashes: string) =>
    slashes.length % 2 === 0 ? `${slashes}\\@` : all,
  );
}

/**
 * For programs that replace `@path` and offer no way to escape it: an invisible character
 * keeps the two apart.
 */
export function withBrokenMentions(prompt: string): string {
  return prompt.replace(/@/g, '@\u200b');
}
