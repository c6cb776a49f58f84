/**
 * Cuts the words of a moment into tokens: dates of every order become `2026-12-03`, and accents are
 * left out. Pure.
 */
/** Forms of a token, the longest first. */
const TOKENS: readonly RegExp[] = [
  /\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?[+-]\d{2}:?\d{2}\b)?)?/y,
  /\d{1,2}\/\d{1,2}(?:\/\d{2}(?:\d{2})?)?\b/y,
  /\d{1,2}(?::\d{2}){1,2}/y,
  /\d{1,20}(?:\.\d{1,20})?/y,
  /[+-]\d{1,2}(?::?\d{2})?\b/y,
  // A zone, such as America/Los_Angeles.
  /[A-Z][A-Za-z_]{1,30}(?:\/[A-Z][A-Za-z_+-]{1,30}){1,2}/y,
  /[A-Z]?[a-z]{1,30}/y,
  /[A-Z]{1,30}(?![a-z])/y,
  /[.;!?](?=\s|$)/y,
  /[^\s\w.]/y,
];

/** Words, numbers, dates, clock times and zones of a text, in their order. */
export function tokenize(text: string): readonly string[] {
  const plain = text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replace(/\b([ap])\.\s?m\b\.?/gi, '$1m')
    .replace(/(\d)([ap])m\b/gi, '$1 $2m')
    .replace(/(\d)_(?=\d)/g, '$1')
    // Other orders and separators of a date become the first form of a token.
    .replace(/\b(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/g, '$1-$2-$3T$4:$5:$6')
    .replace(/\b(\d{4})[/.年] ?(\d{1,2})[/.月] ?(\d{1,2})[.日]?/g, '$1-$2-$3')
    .replace(/\b(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})\b/g, '$3-$2-$1')
    .replace(/(\d{4}-\d{1,2}-\d{1,2})[T ](?=\d{1,2}:\d{2}(?::\d{2})? ?[ap]m\b)/gi, '$1, ')
    // "3. Dezember"
    .replace(/\b(\d{1,2})\.(?= ?[a-z]{3})/gi, '$1')
    .replace(/\b([a-z]{3,5})\.(?= ?\d)/gi, '$1')
    .replaceAll('小时', ' hours')
    .replace(/分钟?/g, ' minutes')
    .replaceAll('秒', ' seconds')
    .replaceAll('天', ' days');
  const tokens: string[] = [];
  for (let index = 0; index < plain.length;) {
    const token = tokenAt(plain, index);
    if (token !== null) tokens.push(token);
    index += token?.length ?? 1;
  }
  return tokens;
}

function tokenAt(text: string, index: number): string | null {
  for (const form of TOKENS) {
    form.lastIndex = index;
    const match = form.exec(text);
    if (match !== null) return match[0];
  }
  return null;
}
