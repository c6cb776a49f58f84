/** The words by which a person agrees or refuses: for gates, and for what an agent asks to do. */

const YES =
  'approve approved yes y yep yeah ok okay lgtm accept accepted agree agreed confirm confirmed +1';
const NO = 'deny denied no n nope reject rejected decline declined refuse refused disagree -1';
const SIGNS: readonly (readonly [RegExp, 'approve' | 'deny'])[] = [
  [/^(?:\ud83d\udc4d|\ud83d\udc4c|\u2705|\u2714|:(?:\+1|thumbsup):)/, 'approve'],
  [/^(?:\ud83d\udc4e|\u274c|\u2716|\ud83d\udeab|\u26d4|:(?:-1|thumbsdown):)/, 'deny'],
];
/** `no problem` may be a yes. */
const NEITHER = /^no (?:objections?|problems?|worries|issues?|comments?|concerns?|idea)\b/;
const [YESES, NOES] = [YES.split(' '), NO.split(' ')];

/**
 * The line of a text that answers, without what only marks it up. What is quoted with `>` was said
 * by somebody else.
 */
export function answerLine(text: string): string {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const line = lines.find((one) => one !== '' && !one.startsWith('>')) ?? '';
  return line
    .slice(0, LINE_CHARS_MAX)
    .replace(/^(?:[#*_~`"'\u201c\u201e\u2018\u00ab([]|[-\u2022] )+/, '')
    .trim();
}

const LINE_CHARS_MAX = 1_000;

/** What the first word of a text says; null: neither. Pure. */
export function yesOrNo(text: string): 'approve' | 'deny' | null {
  const line = answerLine(text).toLowerCase();
  const sign = SIGNS.find(([form]) => form.test(line));
  if (sign !== undefined) return sign[1];
  // A question is not an answer.
  if (NEITHER.test(line) || /^\S{1,20}\?+$/.test(line)) return null;
  const word = /^(?:(?:i|we) )?([+-]?[a-z0-9]+)/.exec(line)?.[1] ?? '';
  return YESES.includes(word) ? 'approve' : NOES.includes(word) ? 'deny' : null;
}

/** Names of files by which a person answers a gate, with what each says. */
export const MARKS: readonly (readonly [string, 'approve' | 'deny'])[] = (
  ['approve', 'deny'] as const
).flatMap((mark) =>
  [mark, `${mark.charAt(0).toUpperCase()}${mark.slice(1)}`].flatMap((name) =>
    ['', '.md', '.txt'].map((ending) => [`${name}${ending}`, mark] as const),
  ),
);

/** True for such a name. */
export function isMark(name: string): boolean {
  return MARKS.some(([mark]) => mark === name);
}
