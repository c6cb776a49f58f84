import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { placedAt } from '../../src/base/fix.ts';
import { shellWord } from '../../src/base/shell-word.ts';

it('leaves plain words as they are', () => {
  expect(shellWord('/a/b-c.d')).toBe('/a/b-c.d');
  expect(shellWord('=ls')).toBe("'=ls'");
  expect(shellWord("/it's $HOME")).toBe(`'/it'\\''s $HOME'`);
});

it('is one word for a shell, whatever is in it', () => {
  const text = fc.string({
    unit: fc.constantFrom(
      'a',
      ' ',
      '/',
      '$',
      '(',
      ')',
      '{',
      '}',
      ';',
      '&',
      '|',
      '<',
      '>',
      '*',
      '?',
      '!',
      '"',
      "'",
      '`',
      '~',
      '#',
      '\\',
      'é',
    ),
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.array(text, { minLength: 50, maxLength: 50 }), (texts) => {
      const said = execFileSync('sh', [
        '-c',
        `printf '%s\\n' ${texts.map(shellWord).join(' ')}`,
      ]).toString();
      expect(said.split('\n').slice(0, -1)).toEqual(texts);
    }),
    { numRuns: 5 },
  );
});

it('a command is placed once, and other programs are not', () => {
  const fix = { command: ['crosstalkd', 'log'], or: [['git', 'status']], note: null };
  expect(placedAt(fix, ['-C', 'a'])).toEqual({
    command: ['crosstalkd', '-C', 'a', 'log'],
    or: [['git', 'status']],
    note: null,
  });
  const own = { command: ['crosstalkd', 'send', '-C', '/b', 'x.md'], note: null };
  expect(placedAt(own, ['-C', 'a'])).toEqual(own);
});
