import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Invocation } from '../../src/cli/command.ts';
import { systemIo } from '../../src/cli/io.ts';
import { openSession } from '../../src/cli/session/transport-session.ts';
import { describeUnsent, findUnsent, type Unsent } from '../../src/cli/look/unsent.ts';
import { type Cli, fingerprint, letter, startCli } from '../support/cli.ts';

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
});
