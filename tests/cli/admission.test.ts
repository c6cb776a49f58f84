/** Entries that take messages of some senders and about some projects only, by the real program. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, letter, listOf, startCli } from '../support/cli.ts';

const GENERAL = 'data/channels/general';
const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none }
  mine: { adapter: command, command: [cat], effects: none, accept-from: [ada, "channel:ops"], projects: [shop] }
  open: { adapter: command, command: [sh, -c, "exit 3"], effects: none, attempts: 1, fallback: [mine, echo] }
`;

let cli: Cli;
beforeAll(async () => {
  cli = await startCli({ models: MODELS });
  cli.say({
    [`${GENERAL}/ada.md`]: letter('mine', 'x', 'from: ada\n'),
    [`${GENERAL}/eve.md`]: letter('mine', 'x', 'from: eve\n'),
    'data/channels/ops/eve.md': letter('mine', 'x', 'from: eve\n'),
    [`${GENERAL}/bank.md`]: letter('mine', 'x', 'from: ada\nproject: bank\n'),
    [`${GENERAL}/by-fallback.md`]: letter('open', 'x', 'from: eve\n'),
  });
  await cli.answer();
});
afterAll(() => cli.close());

const answered = (): readonly string[] =>
  cli
    .git(['ls-tree', '-r', '--name-only', 'main', 'data/channels'], cli.remote)
    .split('\n')
    .filter((path) => path.includes('.re.'));

describe('an entry with accept-from and projects', () => {
  it('answers who is named and what stands in a channel that is named, and nobody else', () => {
    expect(answered()).toEqual(
      expect.arrayContaining([`${GENERAL}/ada.re.mine.md`, 'data/channels/ops/eve.re.mine.md']),
    );
    expect(answered()).not.toContain(`${GENERAL}/eve.re.mine.md`);
    expect(answered()).not.toContain(`${GENERAL}/bank.re.mine.md`);
  });

  it('does not stand in for another model either', () => {
    const text = cli.git(['show', `main:${GENERAL}/by-fallback.re.open.md`], cli.remote);
    expect(text).toContain('agent: echo (command)');
  });

  it('is told by why and by status, with what it would take', async () => {
    expect((await cli.run(['why', `${GENERAL}/eve.md`])).stdout).toContain(
      'mine on mbp takes messages of ada, channel:ops only, and this is from eve in general',
    );
    expect((await cli.run(['why', `${GENERAL}/bank.md`])).stdout).toContain(
      'mine on mbp works in shop only, and this is about "bank"',
    );
    const needs = listOf((await cli.json(['status'])).data, 'needs');
    expect(needs.map(({ kind }) => kind)).toContain('not-accepted');
  });
});
