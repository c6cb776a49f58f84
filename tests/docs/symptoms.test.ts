/**
 * "When something is wrong": what people see is what the program prints, and every command of the
 * pages takes the options that it is given there.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAILURE_CLASSES } from '../../src/agents/agent.ts';
import { ERROR_CODES } from '../../src/base/errors.ts';
import type { CommandSpec } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { COMMON_OPTIONS } from '../../src/cli/declare.ts';
import { codesIn, proseOf, readPage, ROOT, tableAt } from './page.ts';

const rows = tableAt(readPage('GUIDE-CLI.md'), 'table: symptoms');
/** The source without comments: what the program can print is in its texts. */
const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
  .map((entry) =>
    readPage(join(entry.parentPath, entry.name)).replace(/^\s*(\*|\/\/|\/\*).*$/gm, ''),
  )
  .join('\n');

/** What stands in quotes, with `…` for what differs from case to case. */
const phrases = rows.flatMap(([seen = '']) =>
  [...seen.matchAll(/"([^"]+)"/g)].map(([, phrase = '']) => phrase),
);
const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

describe('what you see', () => {
  it('is looked at here', () => {
    expect(rows.length).toBeGreaterThan(30);
    expect(phrases.length).toBeGreaterThan(20);
  });

  it.each([...new Set(phrases)])('the program prints: %s', (phrase) => {
    expect(new RegExp(phrase.split('…').map(escape).join('.*')).test(sources)).toBe(true);
  });

  it.each(rows.flatMap(([seen = '']) => codesIn(seen)))('the program knows: %s', (name) => {
    if (/^[A-Z_]+$/.test(name)) expect(Object.keys(ERROR_CODES)).toContain(name);
    else if (!(FAILURE_CLASSES as readonly string[]).includes(name))
      expect(sources.includes(`'${name}'`)).toBe(true);
  });
});

describe('what to do', () => {
  const pages = [
    'README.md',
    'GUIDE-CLI.md',
    'PROTOCOL.md',
    ...readdirSync(join(ROOT, 'docs'))
      .filter((name) => name.includes('.'))
      .map((name) => `docs/${name}`),
  ];
  const commands = pages
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) =>
      codesIn(proseOf(readPage(path))).flatMap((code) =>
        // What follows a pipe is another program's.
        code.startsWith('crosstalkd ') ? [code.replace(/ \|.*$/, '')] : [],
      ),
    );

  it.each([...new Set(commands)])('%s', (code) => {
    const [name = '', sub = ''] = code.split(' ').slice(1);
    const spec = COMMANDS.find((one) => one.name === name);
    if (name.startsWith('-') || name.startsWith('<') || spec === undefined) return;
    const { subcommands = [] } = spec;
    const chosen: readonly CommandSpec[] =
      subcommands.length === 0
        ? [spec]
        : subcommands.filter((one) => one.name === `${name} ${sub}`);
    expect(chosen, code).not.toEqual([]);
    const known = [...COMMON_OPTIONS, ...chosen.flatMap(({ options }) => options)];
    for (const [, option = ''] of code.matchAll(/ --([a-z-]+)/g))
      expect(known.map((one) => one.name)).toContain(option);
    for (const [, option = ''] of code.matchAll(/ -([a-zA-Z])\b/g))
      expect(known.map((one) => one.short)).toContain(option);
  });
});
