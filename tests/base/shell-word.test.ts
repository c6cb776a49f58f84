import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AT_TOP, placedAt } from '../../src/base/fix.ts';
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

it('a command is placed once, ours by the option given and git in the clone', () => {
  const fix = { command: ['crosstalkd', 'log'], or: [['git', 'status'], ['ls']], note: null };
  const at = { options: ['-C', 'a'], clone: 'a/.git/crosstalk' };
  expect(placedAt(fix, at)).toEqual({
    command: ['crosstalkd', '-C', 'a', 'log'],
    or: [['git', '-C', 'a/.git/crosstalk', 'status'], ['ls']],
    note: null,
  });
  expect(placedAt(fix, AT_TOP)).toEqual(fix);
  const own = { command: ['git', '-C', '/b', 'push'], then: [['crosstalkd', 'x', '-C', '/b']] };
  expect(placedAt({ ...own, note: null }, at)).toEqual({ ...own, note: null });
});
