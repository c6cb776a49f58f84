/**
 * What has to be true of every page: links lead somewhere, files that are named exist, and what
 * src/README.md says is absent is absent.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, codesIn, proseOf, readPage, ROOT } from './page.ts';

const DOCS = readdirSync(resolve(ROOT, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const PAGES = [
  'README.md',
  'PROTOCOL.md',
  'GUIDE-CLI.md',
  'CHANGELOG.md',
  'src/README.md',
  'tests/README.md',
  ...DOCS,
];
const TEMPLATE = [
  'template/README.md',
  'template/PROTOCOL.md',
  'template/CROSSTALK.md',
  'template/CLAUDE.md',
  'template/AGENTS.md',
];

describe.each([...PAGES, ...TEMPLATE])('%s', (path) => {
  const page = readPage(path);

  it('has links that lead somewhere', () => {
    for (const [, target] of proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (target === undefined || /^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const full = file === '' ? resolve(ROOT, path) : resolve(ROOT, dirname(path), file);
      expect(existsSync(full), target).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(readPage(full)), target).toContain(anchor);
    }
  });

  it('names no machine and no person', () => {
    expect(page).not.toMatch(/\/(home|Users|work|root|tmp)\//);
    expect(page).not.toMatch(/npmjs|verdaccio|registry\./i);
  });

  it('has tables whose rows have as many cells as their head', () => {
    const lines = proseOf(page).split('\n');
    let width: number | null = null;
    for (const line of lines) {
      const cells = line.startsWith('|') ? line.split(/(?<!\\)\|/).length : null;
      if (cells !== null && width !== null) expect(cells, line).toBe(width);
      width = cells;
    }
  });
});

describe('README.md', () => {
  it('has at most 90 lines', () => {
    expect(readPage('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(90);
  });

  it('shows a recording of what the demo does now: node scripts/record.mjs demo', () => {
    const [drawn, demo] = [readPage('docs/demo.svg'), readPage('scripts/demo.mjs')];
    const titles = [...drawn.matchAll(/<text[^>]*># ([^<]+)</g)].map(([, title]) => title ?? '');
    expect(titles.length).toBeGreaterThan(2);
    for (const title of titles) expect(demo).toContain(`say('${title}')`);
    for (const told of ['watches', 'claims', 'publishes the reply', 'git log --reverse']) {
      expect(drawn).toContain(told);
      expect(demo).toContain(told);
    }
  });

  it('shows the keys and words that run has now: node scripts/record.mjs run', () => {
    const drawn = [...readPage('docs/run.svg').matchAll(/<text[^>]*>([^<]*)</g)].map(
      ([, text]) => text?.trim() ?? '',
    );
    const printed = readPage('src/cli/begin/run-keys.ts') + readPage('src/cli/begin/run-view.ts');
    const keys = drawn.filter((text) => text.includes(' · ') && !text.includes('running'));
    expect(keys.length).toBe(3);
    for (const line of keys) expect(printed).toContain(line);
    for (const words of ['is up; Ctrl-C', 'reply published', 'polled when its files change']) {
      expect(drawn.join()).toContain(words.replace('"', '&quot;'));
      expect(printed).toContain(words);
    }
  });

  it('names scripts that exist', () => {
    const { scripts } = JSON.parse(readPage('package.json')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    for (const [, name] of readPage('README.md').matchAll(/npm run ([a-z:-]+)/g))
      expect(scripts).toHaveProperty(name ?? '');
    expect(scripts).toHaveProperty('test');
  });

  it('asks for the oldest versions that the code takes', () => {
    const { engines } = JSON.parse(readPage('package.json')) as {
      readonly engines: { readonly node: string };
    };
    const git = /VERSION_MIN = \[(\d+), (\d+)\]/.exec(readPage('src/transport/git-runner.ts'));
    expect(readPage('README.md')).toContain(`Node ${engines.node.replace('>=', '')} or newer`);
    expect(readPage('README.md')).toContain(`git ${git?.[1] ?? ''}.${git?.[2] ?? ''} or newer`);
  });
});

describe('template/', () => {
  it('has a page for agents that is short: fewer than 700 tokens', () => {
    // Four characters a token is a cautious guess for English text.
    expect(readPage('template/CROSSTALK.md').length / 4).toBeLessThan(700);
  });
});

describe('src/README.md', () => {
  const page = readPage('src/README.md');
  const sources = readdirSync(resolve(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(resolve(ROOT, 'src').length + 1));

  it('names files that exist', () => {
    const named = codesIn(proseOf(page)).filter((code) => /^[a-z]+\/[\w./-]+\.ts$/.test(code));
    expect(named.length).toBeGreaterThan(30);
    for (const file of named)
      expect(existsSync(resolve(ROOT, file.startsWith('tests/') ? '.' : 'src', file)), file).toBe(
        true,
      );
  });

  it('maps the folders that there are', () => {
    const folders = new Set(sources.map((file) => file.split('/')[0] ?? ''));
    for (const folder of folders) expect(page).toMatch(new RegExp(`^${folder} `, 'm'));
  });

  it('has ten short decisions, and every other its own short page', () => {
    const decisions = (page.split('## Decisions')[1] ?? '')
      .split(/\n\n/)
      .filter((part) => part.startsWith('**'));
    expect(decisions.length).toBeGreaterThan(5);
    expect(decisions.length).toBeLessThanOrEqual(10);
    for (const decision of decisions)
      expect(decision.split('\n').length, decision).toBeLessThanOrEqual(10);
    for (const name of readdirSync(resolve(ROOT, 'docs/decisions'))) {
      const text = readPage(`docs/decisions/${name}`);
      expect(text.startsWith('# '), name).toBe(true);
      expect(text.trimEnd().split('\n').length, name).toBeLessThanOrEqual(20);
    }
  });

  const filesWith = (pattern: RegExp): readonly string[] =>
    sources
      .filter((file) =>
        pattern.test(readPage(`src/${file}`).replace(/^\s*(\*|\/\/|\/\*).*$/gm, '')),
      )
      .sort();
  const absence = (start: string): readonly string[] =>
    codesIn(page.split('\n* ').find((line) => line.startsWith(start)) ?? '').filter((code) =>
      code.includes('.ts'),
    );

  it('only the named files start processes', () => {
    expect(filesWith(/from 'node:child_process'/)).toEqual(
      [...absence('No file outside `agents/run-process.ts`')].sort(),
    );
  });

  it('only the named files parse YAML', () => {
    expect(filesWith(/from 'js-yaml'/)).toEqual(['protocol/yaml-lines.ts', 'protocol/yaml.ts']);
    expect(filesWith(/from 'gray-matter'/)).toEqual(['protocol/front-matter.ts']);
  });

  it('only cli asks simple-git', () => {
    expect(filesWith(/from 'simple-git'/).filter((file) => !file.startsWith('cli/'))).toEqual([]);
  });

  it('no path of the protocol is spelled elsewhere', () => {
    const spelled = filesWith(/['"`]data\/(channels|workflows|schemas|models)/).filter(
      (file) => !file.startsWith('cli/'),
    );
    expect(spelled).toEqual(['protocol/paths.ts']);
    expect(filesWith(/['"`]refs\/crosstalk\/(claims|hosts|control)/)).toEqual([]);
  });
});
