import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Invocation } from '../../src/cli/command.ts';
import { systemIo } from '../../src/cli/io.ts';
import { openSession } from '../../src/cli/session/transport-session.ts';
import { describeUnsent, findUnsent, type Unsent } from '../../src/cli/look/unsent.ts';
import { type Cli, fingerprint, letter, listOf, startCli } from '../support/cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await startCli();
});
afterAll(() => cli.close());

async function find(): Promise<Unsent | null> {
  const invocation: Invocation = {
    args: [],
    options: new Map(),
    io: systemIo({}),
    env: cli.env,
    cwd: cli.clone,
    caller: { kind: 'person' },
    program: '',
    commands: [],
  };
  const session = await openSession(invocation);
  try {
    return await findUnsent(session);
  } finally {
    await session.close();
  }
}

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(cli.clone, path)), { recursive: true });
  writeFileSync(join(cli.clone, path), text);
};

describe('what is unsent in a clone', () => {
  it('is nothing in a fresh one', async () => {
    expect(await find()).toBeNull();
  });

  it('is new and changed messages and commits that were not pushed, and looking changes not one byte', async () => {
    write('data/channels/general/b ü.md', letter('echo', 'b'));
    write('data/channels/general/deep/a.md', letter('echo', 'a'));
    write('data/channels/general/notes.txt', 'no message');
    write('README.md', 'changed, and no message');
    cli.git(['add', 'data/channels/general/deep/a.md']);
    write('data/channels/ops/c.md', letter('echo', 'c'));
    cli.git(['add', 'data/channels/ops/c.md']);
    cli.git(['commit', '-q', '-m', 'c', '--', 'data/channels/ops/c.md']);
    const before = fingerprint(cli.clone);
    const unsent = await find();
    expect(unsent).toEqual({
      clone: cli.clone,
      files: ['data/channels/general/b ü.md', 'data/channels/general/deep/a.md'],
      commits: 1,
      isBehind: false,
    });
    expect(describeUnsent(unsent!)).toEqual([
      `2 unsent messages in ${cli.clone}: crosstalkd send -C ${cli.clone} 'data/channels/general/b ü.md'`,
      `1 unpushed commit with messages in ${cli.clone}: git -C ${cli.clone} push`,
    ]);
    expect(fingerprint(cli.clone)).toBe(before);
  });

  it('is not what was sent from there', async () => {
    expect((await cli.run(['send', 'data/channels/general/b ü.md'])).code).toBe(0);
    expect((await cli.run(['send', 'data/channels/general/deep/a.md'])).code).toBe(0);
    expect(await find()).toMatchObject({ files: [], commits: 1 });
    write('data/channels/general/b ü.md', letter('echo', 'changed afterwards'));
    expect(await find()).toMatchObject({ files: ['data/channels/general/b ü.md'] });
  });

  it('is told with a command that works where the remote has more than the clone', async () => {
    cli.git(['reset', '-q', '--hard']);
    cli.git(['clean', '-fdq']);
    cli.say({ 'data/channels/general/theirs.md': letter('echo', 'theirs') });
    const behind = await find();
    expect(behind).toMatchObject({ commits: 1, isBehind: true });
    const needs = async () => listOf((await cli.json(['status'])).data, 'needs');
    const unpushed = (await needs()).find(({ kind }) => kind === 'unpushed');
    const { command } = unpushed!['fix'] as { readonly command: readonly string[] };
    expect(command.slice(3)).toEqual(['pull', '--rebase', '--autostash']);
    cli.git(command.slice(1));
    expect(await find()).toMatchObject({ commits: 1, isBehind: false });
    cli.git(['push', '-q']);
    expect(await find()).toBeNull();
  });
});
