/**
 * The table of errors: each code is thrown somewhere, is looked for by a test that provokes it, and
 * leads on to a command that exists.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/base/errors.ts';
import { COMMANDS } from '../../src/cli/commands.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const THIS = 'errors.test.ts';

function textsBelow(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && entry.name !== THIS)
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

const sources = textsBelow('src').join('\n');
const tests = textsBelow('tests').join('\n');
const codes = Object.entries(ERROR_CODES);

describe.each(codes)('%s', (code, { cause, next }) => {
  it('says what it means in one sentence', () => {
    expect(cause).toMatch(/^[A-Z].*\.$/);
  });

  it('leads on to a command that exists', () => {
    const [program, command = ''] = next.split(' ');
    if (program === 'crosstalkd')
      expect(['COMMAND', ...COMMANDS.map(({ name }) => name)]).toContain(command);
    else expect(['git', 'ls']).toContain(program);
  });

  it('is thrown by the program, and by nothing that does not carry it', () => {
    expect(sources).toMatch(new RegExp(`'${code}',`));
  });

  // A broken promise of the program about itself is what no test can provoke on purpose.
  if (code !== 'INTERNAL')
    it('is looked for by a test that provokes it', () => {
      expect(tests).toMatch(new RegExp(`\\b${code}\\b`));
    });
});

describe('the text of every error in the source', () => {
  const thrown = [
    ...sources.matchAll(/new CrosstalkError\(\s*'([A-Z_]+)',\s*(?:`([^`]*)`|'([^']*)')/g),
  ].map(([, code = '', template, text]) => ({
    code,
    text: template ?? text ?? '',
  }));

  it('is found for most of them, so that this test looks at something', () => {
    expect(thrown.length).toBeGreaterThan(80);
  });

  it.each(thrown.map(({ code, text }) => [code, text] as const))('%s: %s', (code, text) => {
    expect(Object.keys(ERROR_CODES)).toContain(code);
    expect(text.trim()).not.toBe('');
    // Small words at the beginning: a sentence that follows "CODE: ", not a title.
    expect(text).toMatch(/^(?:[a-z$"(-]|--|[A-Z_]+[-A-Z_]*\b|Git|HEAD)/);
  });
});
