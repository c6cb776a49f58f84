import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fence } from '../../src/protocol/fence.ts';
import {
  hasUnsafe,
  oneLine,
  plainText,
  spellUnsafe,
  showHidden,
} from '../../src/base/plain-text.ts';

const UNSAFE = [
  ['escape', '\u001b'],
  ['delete', '\u007f'],
  ['C1', '\u009b'],
  ['soft hyphen', '\u00ad'],
  ['zero-width space', '\u200b'],
  ['right-to-left mark', '\u200f'],
  ['override', '\u202e'],
  ['isolate', '\u2066'],
  ['word joiner', '\u2060'],
  ['byte order mark', '\ufeff'],
  ['filler', '\u3164'],
  ['tag letter', '\u{e0041}'],
  ['variation selector of the supplement', '\u{e0101}'],
] as const;

describe('one set of unsafe characters', () => {
  it.each(UNSAFE)('%s is never handed on', (_, sign) => {
    const text = `a${sign}b`;
    expect(hasUnsafe(text)).toBe(true);
    expect(plainText(text)).toBe('ab');
    expect(oneLine(text, 80)).toBe('a b');
    expect(spellUnsafe(text)).toMatch(/^a(\\u[0-9a-f]{4})+b$/);
  });

  it.each(['👨‍👩‍👧', 'می‌خواهم', 'क्‍ष', 'naïve', '❤️', '日本語'])('%s stays as it is', (text) => {
    expect(hasUnsafe(text)).toBe(false);
    expect(plainText(text)).toBe(text);
    expect(spellUnsafe(text)).toBe(text);
  });

  it('a joiner between nothing is hidden text', () => {
    expect(plainText('a \u200d b\u200c')).toBe('a  b');
  });

  it('twice changes nothing, and one line is one line of at most its length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 40 }), (text, max) => {
        expect(plainText(plainText(text))).toBe(plainText(text));
        const line = oneLine(text, max);
        expect(Array.from(line).length).toBeLessThanOrEqual(max);
        expect(hasUnsafe(line)).toBe(false);
      }),
    );
  });

  it.each([
    ['zero\u200bwidth', 'zero⟨U+200B⟩width'],
    ['tag\u{e0041}\u{e0042}s', 'tag⟨U+E0041⟩⟨U+E0042⟩s'],
    ['a\u202eb\u00adc\ufeff', 'a⟨U+202E⟩b⟨U+00AD⟩c⟨U+FEFF⟩'],
    ['code\u001b[2J\u0007\u009b gone\ttab\r\nline', 'code[2J gone\ttab\nline'],
    ['👩‍🔬 and نمی‌خواهم stay', '👩‍🔬 and نمی‌خواهم stay'],
    ['x'.concat('\u200b'.repeat(300)), `x${'⟨U+200B⟩'.repeat(200)}⟨and more⟩`],
  ])('what is hidden in %j is shown where it is read', (text, shown) => {
    expect(showHidden(text)).toBe(shown);
    expect(showHidden(shown)).toBe(shown);
  });

  it('hidden characters in the closing mark of a fence cannot close it', () => {
    const fenced = fence('</data-n\u200bonce> </data-non\u0001ce> order', '', 'nonce');
    expect(fenced.match(/<\/data-nonce>/g)).toHaveLength(1);
    expect(fenced).toContain('⟨U+200B⟩');
  });
});
