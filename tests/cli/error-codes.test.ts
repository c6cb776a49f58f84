/**
 * How errors end a command: code, what happened, and the command to continue with. Codes that no
 * other test provokes are provoked here.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, letter, startCli } from '../support/cli.ts';
import { fixIs } from '../support/fix.ts';

let cli: Cli;
beforeAll(async () => (cli = await startCli()));
afterAll(() => cli.close());

describe('an error', () => {
  it('that names no command itself leads on by its code, to the help of its own command', async () => {
    const ended = await cli.run(['log', '--since', 'many']);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(
      /^USAGE: --since "many": expected .*\n {2}help: crosstalkd log --help\n$/,
    );
    const { code, data } = await cli.json(['log', '--since', 'many']);
    expect({ code, data }).toMatchObject({
      code: 2,
      data: { ok: false, error: { code: 'USAGE', fix: fixIs('crosstalkd log --help') } },
    });
  });

  it('leads to the help of a subcommand by words that can be pasted', async () => {
    const { stderr } = await cli.run(['workflow', 'retry']);
    expect(stderr).toContain('\n  help: crosstalkd workflow retry --help\n');
  });

  it('ID_AMBIGUOUS: a beginning that fits two messages names both', async () => {
    cli.say({
      'data/channels/general/same-1.md': letter('nobody', 'a'),
      'data/channels/general/same-2.md': letter('nobody', 'b'),
    });
    const ended = await cli.run(['show', 'same']);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^ID_AMBIGUOUS: /);
    expect(ended.stderr).toContain('same-1');
    expect(ended.stderr).toMatch(/\n {2}help: crosstalkd /);
  });

  it.each([
    [
      'MESSAGE_REJECTED, of what is sent',
      { 'draft.md': letter('echo', 'Hi', 'priority: high\n') },
      ['send', 'draft.md'],
      /^MESSAGE_REJECTED: .*draft.md:3:[^]*\n 3 \| priority: high\n {3}\| \^\n {2}help: /,
    ],
    [
      'CONFIG_INVALID, of a setting',
      { 'config/config.yaml': 'alias: me\nleese: 3s\n' },
      ['status'],
      /^CONFIG_INVALID: .*config.yaml:2:[^]*\n 2 \| leese: 3s\n {3}\| \^\n {2}help: /,
    ],
    [
      'a step of a workflow',
      { 'plan.md': '---\nsteps:\n  a: { value: 1, neds: [b] }\n---\n' },
      ['workflow', 'check', 'plan.md'],
      /plan.md:3:18: .*\n 3 \| {3}a: \{ value: 1, neds: \[b\] \}\n {3}\| {18}\^\n/,
    ],
  ])('shows the line that it is about: %s', async (...[, files, args, shown]) => {
    const config = join(cli.place, 'config');
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(config, { recursive: true, mode: 0o700 });
      writeFileSync(join(cli.place, name), text, { mode: 0o600 });
    }
    const dir = ['-C', cli.clone];
    const env = { CROSSTALK_CONFIG_DIR: config };
    const { code, stderr } = await cli.run(
      args.map((word) => (word.endsWith('.md') ? join(cli.place, word) : word)).concat(dir),
      { env },
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(shown);
    rmSync(config, { recursive: true });
  });

  it('GIT_UNUSABLE: without git on the PATH', async () => {
    const empty = join(cli.place, 'empty');
    mkdirSync(empty);
    const ended = await cli.run(['status'], { env: { PATH: empty } });
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^GIT_UNUSABLE: .*\n {2}help: /);
  });

  it('NOT_A_TRANSPORT: in a directory that is not a transport', async () => {
    const ended = await cli.run(['status'], { cwd: cli.place });
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/^NOT_A_TRANSPORT: [^]*\n {2}help: crosstalkd init/);
  });

  it('HISTORY_REWRITTEN: after the branch moved backwards', async () => {
    cli.say({ 'data/channels/general/later.md': letter('nobody', 'c') });
    expect((await cli.run(['log'])).code).toBe(0);
    cli.git(['config', 'receive.denyNonFastForwards', 'false'], cli.remote);
    cli.git(
      ['push', '-q', '--force', 'origin', `${cli.git(['rev-parse', 'main~1'], cli.remote)}:main`],
      cli.elsewhere(),
    );
    const ended = await cli.run(['log']);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^HISTORY_REWRITTEN: .*\n {2}help: crosstalkd accept-rewrite\n$/);
  });
});
