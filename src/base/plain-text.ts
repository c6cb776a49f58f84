/**
 * Which characters of other people's text are only text. One set for terminals, logs, JSON, names,
 * commit subjects, prompts and what an operator approves: whatever acts on a terminal, turns the
 * direction of reading or cannot be seen is not handed on as it came.
 *
 * Unsafe are control codes, and what is hidden: soft hyphen, marks and overrides of direction,
 * zero-width characters, line and paragraph separators, fillers, interlinear marks, the supplement
 * of variation selectors, and tag characters, by which a text can tell a model what a person does
 * not see. The two joiners that emoji and several scripts are written with are safe between visible
 * signs.
 */

const UNSAFE =
  /(?!(?<=[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])[\u200c\u200d](?=[\p{L}\p{Extended_Pictographic}]))[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;
/** The same without the signs of a line: tab and line end stand in any text. */
const UNSAFE_IN_TEXT =
  /(?!(?<=[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])[\u200c\u200d](?=[\p{L}\p{Extended_Pictographic}]))[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;
/** One character after another of them, with blanks between. */
const BLANKS = / {2,}/g;

/** True when a text holds a character that is more than text; also a tab or a line end. */
export function hasUnsafe(text: string): boolean {
  return text.search(UNSAFE) >= 0;
}

/** Text of several lines without unsafe characters; line ends are `\n`. Twice changes nothing. */
export function plainText(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(UNSAFE_IN_TEXT, '');
}

/** More hidden characters of one text are not worth showing. */
const SHOWN_MAX = 200;

/**
 * The same where somebody reads it, a person or a model: control codes go, and what is hidden is
 * shown by its number, such as ⟨U+200B⟩. Twice changes nothing.
 */
export function showHidden(text: string): string {
  let count = 0;
  return text.replace(/\r\n/g, '\n').replace(UNSAFE_IN_TEXT, (sign) => {
    const point = sign.codePointAt(0) ?? 0;
    if (point < 0xa0) return '';
    count += 1;
    if (count > SHOWN_MAX) return count === SHOWN_MAX + 1 ? '⟨and more⟩' : '';
    return `⟨U+${point.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

/**
 * Text as one line for subjects, tables and logs: unsafe characters become blanks, and what is
 * longer than `max` code points is cut with an ellipsis.
 */
export function oneLine(text: string, max: number): string {
  // What is cut away is not looked at: blanks and halves of pairs leave room for four to one.
  const part = text.length > 8 * max + 1_000 ? text.slice(0, 8 * max + 1_000) : text;
  const line = part.replace(UNSAFE, ' ').replace(BLANKS, ' ').trim();
  const points = Array.from(line);
  return points.length <= max ? line : `${endWhole(points.slice(0, max - 1).join(''))}…`;
}

/** The beginning of a text that was cut, without a joiner that joins nothing any more. */
export function endWhole(beginning: string): string {
  return beginning.replace(/(?<![\u200c\u200d])[\u200c\u200d]+$/u, '');
}

/** The whole text, each unsafe character as the escape that JSON knows. */
export function spellUnsafe(text: string): string {
  return replaceUnsafe(text, (sign) =>
    Array.from({ length: sign.length }, (_, at) => escapeUnit(sign.charCodeAt(at))).join(''),
  );
}

/** The whole text, each unsafe character as `spell` writes it. */
export function replaceUnsafe(text: string, spell: (sign: string) => string): string {
  return text.replace(UNSAFE, spell);
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
