/** The line of a file that something is wrong with, as compilers show it. */
import { plainText } from '../base/plain-text.ts';
import { displayWidth, endingOf, fitWidth } from '../base/display-width.ts';
import type { Excerpt } from '../base/errors.ts';
import { type Io, paint } from './io.ts';

/** Columns that are shown before what is meant, in a line that is too long. */
const BEFORE_MAX = 30;
/** Code units among which they are looked for. */
const NEAR_MAX = 300;

/**
 * The line with its number and a caret below the column, or below all of it; nothing where the text
 * has no such line.
 */
export function pointAt(
  io: Pick<Io, 'columns' | 'colors'>,
  { text: file, line, column: at = 0 }: Excerpt,
): readonly string[] {
  const whole = file.split(/\r?\n/)[line - 1];
  if (whole === undefined || whole.trim() === '') return [];
  const number = ` ${line} `;
  const bar = paint(io, 'dim', '|');
  const gutter = `${' '.repeat(number.length)}${bar}`;
  const room = io.columns - number.length - 2;
  const before = at < 1 ? '' : beginningBefore(whole.slice(0, at - 1), room);
  const text = before + spaced(whole.slice(Math.max(0, at - 1)));
  const shown = `${paint(io, 'dim', number)}${bar} ${fitWidth(text, room)}`;
  // Without a column the whole line is meant.
  const indent = at < 1 ? text.length - text.trimStart().length : displayWidth(before);
  const signs = at < 1 ? Math.min(displayWidth(text.trim()), room - indent) : 1;
  return [
    shown,
    `${gutter} ${' '.repeat(indent)}${paint(io, 'red', '^'.repeat(Math.max(1, signs)))}`,
  ];
}

/** What is shown before the caret: all of it, or an ellipsis and the end. */
function beginningBefore(text: string, room: number): string {
  const near = spaced(text.slice(-NEAR_MAX));
  const most = Math.min(BEFORE_MAX, room - 1);
  if (text.length <= NEAR_MAX && displayWidth(near) <= most) return near;
  return `…${endingOf(near, Math.min(BEFORE_MAX, Math.floor(room / 2)))}`;
}

function spaced(text: string): string {
  return plainText(text).replace(/\t/g, ' ');
}
