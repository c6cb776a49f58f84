/** `mirror:`, a second remote that only gets the branch. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, type Ended, listOf, startCli } from '../support/cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await startCli();
  await cli.run(['allow', 'echo']);
}, 60_000);
afterAll(() => cli.close());

const mirrored = (name: string): Readonly<Record<string, string>> => ({
  CROSSTALK_MIRROR: join(cli.place, name),
});
async function ask(text: string, mirror: string): Promise<Ended> {
  await cli.run(['send', '--to', 'echo', '-m', text]);
  return cli.run(['run', '--once'], { env: mirrored(mirror) });
}
const kinds = async (): Promise<readonly unknown[]> =>
  listOf((await cli.json(['status'])).data, 'needs').map(({ kind }) => kind);
const subjects = (remote: string): string => cli.git(['log', '--format=%s', 'main'], remote);

it('a mirror that is away fails nothing, and is told once', async () => {
  const first = await ask('one', 'backup.git');
  expect(first.code).toBe(0);
  expect((await ask('two', 'backup.git')).code).toBe(0);
  expect(subjects(cli.remote)).toContain('echo → ada: two');
  expect(await kinds()).toEqual(['mirror-behind']);
  expect(first.stdout.match(/mirror\.failed/g)).toHaveLength(1);
});

it('one that is there has the whole branch and nothing else, and nothing needs anybody', async () => {
  const mirror = join(cli.place, 'backup.git');
  cli.git(['init', '-q', '--bare', '-b', 'main', mirror], cli.place);
  expect((await ask('three', 'backup.git')).code).toBe(0);
  expect(subjects(mirror)).toBe(subjects(cli.remote));
  expect(cli.git(['for-each-ref', '--format=%(refname)'], mirror)).toBe('refs/heads/main');
  expect(await kinds()).toEqual([]);
});

it('one that has gone another way is not overwritten', async () => {
  const mirror = join(cli.place, 'other.git');
  cli.git(['init', '-q', '--bare', '-b', 'main', mirror], cli.place);
  const empty = cli.git(['hash-object', '-t', 'tree', '-w', '/dev/null'], mirror);
  const own = cli.git(['commit-tree', empty, '-m', 'something else'], mirror);
  cli.git(['update-ref', 'refs/heads/main', own], mirror);
  expect((await ask('four', 'other.git')).code).toBe(0);
  expect(subjects(mirror)).toBe('something else');
  expect(await kinds()).toEqual(['mirror-behind']);
  const { data } = await cli.json(['status']);
  expect(String(listOf(data, 'needs')[0]?.['says'])).toContain(`${mirror} does not get the branch`);
});

it('the remote itself is refused, and no password of an address is shown', async () => {
  const same = await cli.run(['run', '--once'], {
    env: { CROSSTALK_MIRROR: `file://${cli.remote}` },
  });
  expect(same.code).toBe(2);
  expect(same.stderr).toContain('is the remote itself');
  const secret = { CROSSTALK_MIRROR: 'https://ada:hunter2@backup.invalid/team.git' };
  await cli.run(['send', '--to', 'echo', '-m', 'five']);
  const ran = await cli.run(['run', '--once'], { env: secret });
  const said = await cli.run(['status']);
  const shown = await cli.run(['status', '--config'], { env: secret });
  for (const { stdout, stderr } of [ran, said, shown])
    expect(stdout + stderr).not.toContain('hunter2');
  expect(readFileSync(join(cli.clone, '.git', 'config'), 'utf8')).not.toContain('backup');
});
