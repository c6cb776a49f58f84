import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ADAPTERS } from '../../src/agents/adapters.ts';
import { findCheckoutConfig, type Ground, groundOf } from '../../src/agents/checkout.ts';
import { CHECKOUT_FILES, isCheckoutConfig } from '../../src/protocol/checkout-files.ts';
import { entryOf, running, useAttempts } from '../support/agents/attempts.ts';

const { attempt, run, makeDirectory } = useAttempts();

/** What a program is told of a directory. */
function told(adapter: string, ground: Ground): string {
  const invocation = ADAPTERS[adapter]!.invoke({
    entry: entryOf({ adapter, model: 'm' }),
    mode: ADAPTERS[adapter]!.modes[0]!,
    message: '',
    prompt: '',
    persona: null,
    session: null,
    scratch: '/scratch',
    directory: '/work',
    ground,
  });
  if (invocation.kind === 'refused') throw new Error(invocation.why);
  const env = Object.entries(invocation.env).map((pair) => pair.join('='));
  return [...invocation.args, ...env, JSON.stringify(invocation.files)].join(' ');
}

describe('in a checkout', () => {
  const DISTRUST: Readonly<Record<string, string>> = {
    claude: '--setting-sources user',
    codex: '-c projects={"/work"={trust_level="untrusted"}}',
  };
  test.each(Object.entries(DISTRUST))('%s is told to take nothing from it', (name, flags) => {
    for (const ground of ['own', 'worktree', 'foreign'] as const)
      expect(told(name, ground)).toContain(flags);
    expect(told(name, 'trusted')).not.toContain(flags);
  });

  test('gemini is given trust in a directory of ours alone, and by that name', () => {
    const ours = '{\\"/work\\":\\"TRUST_FOLDER\\"}';
    for (const ground of ['own', 'worktree'] as const)
      expect(told('gemini', ground)).toContain(ours);
    expect(told('gemini', 'foreign')).not.toMatch(/trust/i);
    for (const ground of ['own', 'worktree', 'foreign'] as const)
      expect(told('gemini', ground)).not.toContain('TRUST_WORKSPACE');
    expect(told('gemini', 'trusted')).toContain('GEMINI_CLI_TRUST_WORKSPACE=true');
  });

  test('every program that was seen to run has a switch, or files beside which it is not started', () => {
    const verified = Object.values(ADAPTERS).filter(({ name }) => name !== 'command');
    for (const { name, runsFromCheckout = [] } of verified)
      expect([name, name in DISTRUST || runsFromCheckout.length > 0]).toEqual([name, true]);
    const { acp, ...own } = Object.fromEntries(
      verified.map(({ name, runsFromCheckout = [] }) => [name, runsFromCheckout]),
    );
    expect(Object.keys(CHECKOUT_FILES)).toEqual(expect.arrayContaining(Object.keys(own)));
    // It may be any of the programs.
    expect(acp).toEqual(expect.arrayContaining(Object.values(CHECKOUT_FILES).flat()));
  });
});

test('an entry says whose files there are', () => {
  const cwd = '/project';
  expect(groundOf({ cwd: null, trustCheckout: true }, {})).toBe('own');
  expect(groundOf({ cwd, trustCheckout: false }, {})).toBe('foreign');
  expect(groundOf({ cwd, trustCheckout: false }, { isWorktree: true })).toBe('worktree');
  expect(groundOf({ cwd, trustCheckout: true }, { isWorktree: true })).toBe('trusted');
});

describe('what makes a program run code', () => {
  test.each([
    '.claude/settings.json',
    '.CLAUDE/settings.json',
    '.cl\u200baude/settings.json',
    '.claude',
    'packages/a/.mcp.json',
    '.github/hooks/x.json',
    'opencode.jsonc',
    '.env',
  ])('%j is left out', (path) => expect(isCheckoutConfig(path)).toBe(true));

  test.each(['AGENTS.md', '.github/workflows/ci.yml', 'claude/x', 'x.mcp.json', '.envrc', 'a.env'])(
    '%j is not',
    (path) => expect(isCheckoutConfig(path)).toBe(false),
  );

  test('is found in a directory and above it up to the top of the repository', async () => {
    const top = mkdtempSync(join(tmpdir(), 'checkout-'));
    const inner = join(top, 'repo', 'a', 'b');
    mkdirSync(inner, { recursive: true });
    mkdirSync(join(top, 'repo', '.git'));
    writeFileSync(join(top, '.env'), '');
    expect(await findCheckoutConfig(inner, ['.env', '.pi'])).toBe(null);
    symlinkSync('/nowhere', join(top, 'repo', '.pi'));
    expect(await findCheckoutConfig(inner, ['.env', '.pi'])).toBe(join(top, 'repo', '.pi'));
    rmSync(top, { recursive: true });
  });

  test('keeps a program that has no switch from being started beside it', async () => {
    const cwd = makeDirectory();
    mkdirSync(join(cwd, '.pi'));
    mkdirSync(join(cwd, '.git'));
    const pi = (more: object) =>
      run(attempt(entryOf({ adapter: 'pi', command: running('agent'), cwd, ...more })));
    const refused = await pi({});
    expect(refused).toMatchObject({ kind: 'failed', class: 'setup' });
    expect(JSON.stringify(refused)).toContain(join(cwd, '.pi'));
    expect(JSON.stringify(await pi({ 'trust-checkout': true }))).not.toContain('would run code');
  });
});
