/**
 * Extracts the server's words from git's output: a hook's reason, a forge's refusal, the last words
 * of an ssh server. People see them unchanged, bounded and without control codes; nothing is
 * decided by them.
 */
import { oneLine } from '../base/plain-text.ts';

/** Characters of the words of a server that are passed on. */
export const WORDS_CHARS_MAX = 500;
const LINES_MAX = 12;

const SIDEBAND = 'remote: ';
/** An `ERR` packet, as servers send one before anything else. */
export const ERROR_PACKET = 'fatal: remote error: ';
const FATAL = 'fatal: ';
/** git says this when the program behind ssh ended without a word of the protocol. */
export const HUNG_UP = 'fatal: Could not read from remote repository.';
/** Lines of git's own; a server that writes `ERROR:` or `FATAL:` is not git. */
const OF_GIT = /^(fatal|error|warning|hint|send-pack|fetch-pack): /;
const PROGRESS = /% \(\d+\/\d+\)|^(Enumerating objects|Total \d)/;
const ESCAPE = /\u001b(?:\[[0-9;:?]{0,32}[ -/]?[@-~]|\][^\u0007\u001b]{0,200}\u0007?)/g;
/** Rules that frame a text, and what ssh says when nothing is wrong. */
const DECORATION = /^[\s=\-*#_~@]*$|^\*\* |^Warning: Permanently added /;

/** The server's words in one line; '' when it said nothing. */
export function serverWords(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/);
  // What follows the first complaint of git is git's own explanation of it.
  const end = lines.includes(HUNG_UP) ? lines.findIndex((line) => line.startsWith(FATAL)) : -1;
  const said = lines.flatMap((line, index) => {
    if (line.startsWith(SIDEBAND)) return [line.slice(SIDEBAND.length)];
    if (line.startsWith(ERROR_PACKET)) return [line.slice(ERROR_PACKET.length)];
    return index < end && !OF_GIT.test(line) ? [line] : [];
  });
  return bounded(
    said
      .filter((line) => !PROGRESS.test(line))
      .map((line) => bounded(redact(withoutEscapes(line))))
      .filter((line) => !DECORATION.test(line))
      .slice(0, LINES_MAX)
      .join(' / '),
  );
}

/**
 * `text` without the sequences that colour and move on a terminal: what would be left of one is
 * noise.
 */
export function withoutEscapes(text: string): string {
  return text.replace(ESCAPE, '');
}

/** `text` without passwords in URLs. */
export function redact(text: string): string {
  return text
    .replace(/:\/\/[^/\s'"@]+@/g, '://')
    .replace(/\b(authorization|private-token):[^\n]*/gi, '$1: …');
}

/** One line of at most as many characters as people are shown. */
export function bounded(text: string): string {
  return oneLine(text, WORDS_CHARS_MAX);
}
