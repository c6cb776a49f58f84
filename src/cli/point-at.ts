/** The line of a file that something is wrong with, as compilers show it. */
import { plainText } from '../base/plain-text.ts';
import { displayWidth, fitWidth } from '../base/display-width.ts';
import type { Excerpt } from '../base/errors.ts';
import { type Io, paint } from './io.ts';

/** Signs that are shown before what is meant, in a line that is too long. */
const BEFORE_MAX = 30;

/**
 * The line with its number and a caret below the column; without a column only the line; nothing
 * where the text has no such line.
 */
export function pointAt(
  io: Pick<Io, 'columns' | 'colors'>,
  { text, line, column: at = 0 }: Excerpt,
): readonly string[] {
  const whole = text.split(/\r?\n/)[line - 1];
  if (whole === undefined || whole.trim() === '') return [];
  const from = Math.max(0, at - 1 - BEFORE_MAX);
  const start = from === 0 ? '' : '…';
  const spaced = (part: string): string => start + plainText(part).replace(/\t/g, ' ');
  const number = ` ${line} `;
  const bar = paint(io, 'dim', '|');
  const gutter = `${' '.repeat(number.length)}${bar}`;
  const room = io.columns - number.length - 2;
  const shown = `${paint(io, 'dim', number)}${bar} ${fitWidth(spaced(whole.slice(from)), room)}`;
  if (at < 1) return [shown];
  const before = ' '.repeat(displayWidth(spaced(whole.slice(from, at - 1))));
  return [shown, `${gutter} ${before}${paint(io, 'red', '^')}`];
}
