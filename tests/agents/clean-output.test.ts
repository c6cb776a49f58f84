import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cleanOutput,
  cleanText,
  isBlank,
  lastLines,
  oneLine,
} from '../../src/agents/clean-output.ts';

const ESC = '\u001b';

describe('escape sequences and controls are taken out and the text stays', () => {
  test.each([
    ['colours', `${ESC}[1;31mred${ESC}[0m`, 'red'],
    ['cursor moves', `a${ESC}[2K${ESC}[1Gb`, 'ab'],
    ['eight-bit colours', 'a\u009b31mb', 'ab'],
    ['a title ended by BEL', `${ESC}]0;title\u0007text`, 'text'],
    ['a link', `${ESC}]8;;https://x.example${ESC}\\word${ESC}]8;;${ESC}\\`, 'word'],
    ['a clipboard write', `${ESC}]52;c;ZXZpbA==\u0007text`, 'text'],
    ['a string without an end takes only its line', `${ESC}]0;title\nnext`, '\nnext'],
    ['a device control string', `${ESC}Pq#0;2;0${ESC}\\text`, 'text'],
    ['a character set switch', `${ESC}(Btext`, 'text'],
    ['a lone escape at the end', `text${ESC}`, 'text'],
    ['an escape sequence hidden in another', `${ESC}${ESC}[0m[31mtext`, '[31mtext'],
    ['control codes', 'a\u0000b\u0007c\u0008d\u007fe\u0085f', 'abcdef'],
    ['tabs and newlines stay', 'a\tb\nc', 'a\tb\nc'],
    ['line ends', 'a\r\nb\rc\n', 'a\nb\nc\n'],
    ['bidirectional overrides', 'a\u202eb\u2066c\u200fd\u061ce', 'abcde'],
    ['joined emoji and other scripts stay', '👩‍👩‍👧 עברית नमस्ते', '👩‍👩‍👧 עברית नमस्ते'],
    ['a byte order mark', '\ufefftext', 'text'],
    ['half a surrogate pair', 'a\ud800b', 'a\ufffdb'],
  ])('%s', (_, given, expected) => {
    expect(cleanText(given)).toBe(expected);
  });

  test('whatever comes in, nothing of it is left and cleaning again changes nothing', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        ESC,
        `${ESC}[`,
        `${ESC}]`,
        '\u009b',
        '\r',
        '\u202e',
        '\ufeff',
        '\ud800',
        '\\',
        '\u0007',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const clean = cleanText(pieces.join(''));
        expect(clean).not.toMatch(/[^\P{Cc}\n\t]|\p{Bidi_Control}|\p{Surrogate}/u);
        expect(cleanText(clean)).toBe(clean);
      }),
    );
  });

  test('plain text is left as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!/[^\P{Cc}\n\t]|\p{Bidi_Control}|^\ufeff/u.test(text));
        expect(cleanOutput(Buffer.from(text))).toEqual({ kind: 'text', text });
      }),
    );
  });

  test('a megabyte of unfinished sequences is cleaned in a moment', () => {
    const started = performance.now();
    for (const hostile of [`${ESC}]`, `${ESC}[`, ESC, '\r', ' \n', `${ESC}[0;`])
      cleanText(hostile.repeat(300_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('what is not text', () => {
  test.each([
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 'a PNG image'],
    ['an archive', Buffer.from('1f8b0800000000000003', 'hex'), 'gzip data'],
    ['UTF-16', Buffer.from('\ufeffhello', 'utf16le'), 'UTF-16'],
    ['UTF-16 without a mark', Buffer.from('hello there', 'utf16le'), 'NUL'],
    ['damaged text', Buffer.from('c3c3c3c3c3616263', 'hex'), 'not UTF-8'],
  ])('%s is invalid, with its size and a hint', (_, bytes, hint) => {
    expect(cleanOutput(bytes)).toMatchObject({
      kind: 'invalid',
      bytes: bytes.length,
      hint: expect.stringContaining(hint) as string,
    });
  });

  test('one NUL or one damaged character in a text is a flaw, not a refusal', () => {
    expect(cleanOutput(Buffer.from('a\0b'))).toEqual({ kind: 'text', text: 'ab' });
    expect(
      cleanOutput(Buffer.concat([Buffer.from('a long enough text '), Buffer.from([0xe9])])),
    ).toEqual({
      kind: 'text',
      text: 'a long enough text \ufffd',
    });
  });

  test('text that consists of replacement characters is text', () => {
    expect(cleanOutput(Buffer.from('\ufffd\ufffd\ufffd'))).toEqual({
      kind: 'text',
      text: '\ufffd\ufffd\ufffd',
    });
  });

  test('any bytes at all are read without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) =>
        ['text', 'invalid'].includes(cleanOutput(bytes).kind),
      ),
    );
  });
});

test.each(['', ' \n\t', '\u200b\u2060\ufeff', '\u00ad'])('%j is blank', (text) => {
  expect(isBlank(text)).toBe(true);
});

test('one line of a length is made of any text', () => {
  expect(oneLine(` a\n${ESC}[1mb${ESC}[0m\t c `, 10)).toBe('a b c');
  expect(oneLine('abcdef', 4)).toBe('abc…');
  expect(oneLine('ab🦊cd', 4)).toBe('ab…');
});

test('the last lines are those with something in them', () => {
  expect(lastLines('one\n\n  two \n\nthree\n\n', 2)).toBe('two · three');
});
