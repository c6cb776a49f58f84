/**
 * Folders where files are expected: every host comes to the same conclusion, whether it saw them
 * come or not, and no agent runs for nothing.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Cli, letter, startCli } from '../support/cli.ts';

const GENERAL = 'data/channels/general';

let cli: Cli;
beforeEach(async () => {
  cli = await startCli();
  cli.say({ [`${GENERAL}/m.md`]: letter('echo', 'hello') });
  // The state directory of the clone knows the message as open before anything is planted.
  await cli.json(['status']);
});
afterEach(() => cli.close());

/**
 * Agents that a dispatcher started with this state directory until nothing was left to do; null
 * when it did not come to an end.
 */
async function countRuns(state: string): Promise<number | null> {
  const { code, stdout } = await cli.run([
    'run',
    '--once',
    '--alias',
    'mbp',
    '--state',
    join(cli.place, state),
  ]);
  return code === 0 ? stdout.split('"attempt.started"').length - 1 : null;
}

it.each([
  { folder: 'm.re.echo.md', where: 'at the path of the reply' },
  { folder: 'ARCHIVED', where: 'named as the mark of an archived channel' },
])(
  'a folder $where closes the message on every host, and it is answered once when the folder is gone',
  async ({ folder }) => {
    cli.say({
      [`${GENERAL}/${folder}/note.txt`]: 'in the way',
      [`${GENERAL}/${folder}/more.txt`]: 'too',
    });
    expect(await countRuns('state')).toBe(0);
    expect(await countRuns('fresh')).toBe(0);
    const other = cli.elsewhere();
    const remove = (name: string): void => {
      cli.git(['rm', '-rq', join(GENERAL, folder, name)], other);
      cli.git(['commit', '-qm', 'away'], other);
      cli.git(['push', '-q'], other);
    };
    remove('more.txt');
    expect(await countRuns('state')).toBe(0);
    remove('note.txt');
    expect(await countRuns('state')).toBe(1);
    expect(await countRuns('fresh')).toBe(0);
    expect((await cli.json(['verify'])).data).toMatchObject({ ok: true });
  },
);

it('a folder where a run has to write holds up that run only', async () => {
  const run = 'steps:\n  ok: { ask: { title: ok } }\n  make: { prompt: x, model: echo, needs: ok }';
  cli.say({
    [`${GENERAL}/w.md`]: `---\nto: workflow\ntype: workflow\nfrom: ada\n${run}\n---\ngo\n`,
  });
  await cli.answer();
  const channel =
    /data\/channels\/run-\w+/.exec(
      cli.git(['ls-tree', '-r', '--name-only', 'main'], cli.remote),
    )?.[0] ?? '';
  cli.say({ [`${channel}/steps/make/one/task.md/note.txt`]: 'in the way' });
  const { code } = await cli.run(['workflow', 'approve', 'w', 'ok', '--from', 'ada']);
  expect(code).toBe(0);
  const once = await cli.run(['run', '--once', '--alias', 'mbp']);
  expect([once.code, alertsOf(once.stdout)]).toEqual([
    1,
    [expect.stringContaining('a folder is there')],
  ]);
  const host = cli.start(['run', '--alias', 'mbp', '--interval', '0.2']);
  await host.until('a folder is there');
  for (const name of ['later', 'last']) {
    cli.say({ [`${GENERAL}/${name}.md`]: letter('echo', 'hello') });
    await host.until(`${name}.md","model":"echo","attempt":1,"failed":false`);
  }
  const { data } = await cli.json(['status']);
  const blocked = {
    kind: 'publish-refused',
    about: [`${GENERAL}/w.md`],
    says: expect.stringContaining('a folder is there') as unknown,
  };
  expect(data['needs']).toContainEqual(expect.objectContaining(blocked));
  expect((await cli.run(['why', 'w'])).stdout).toContain('cannot be published');
  const said = await host.stop();
  expect(alertsOf(said.stdout)).toHaveLength(1);
  const files = cli.git(['ls-tree', '-r', '--name-only', 'main'], cli.remote);
  expect(files).toContain(`${GENERAL}/last.re.echo.md`);
});

it('an answer that the remote never takes ends `run --once` with a reason, and waits for the next', async () => {
  const hook = join(cli.remote, 'hooks', 'update');
  writeFileSync(
    hook,
    '#!/bin/sh\n[ "$1" != refs/heads/main ] || { echo "nobody may" >&2; exit 1; }\n',
    { mode: 0o755 },
  );
  const once = await cli.run(['run', '--once', '--alias', 'mbp']);
  expect([once.code, alertsOf(once.stdout)]).toEqual([
    1,
    [expect.stringContaining('hook declined')],
  ]);
  rmSync(hook);
  expect((await cli.run(['run', '--once', '--alias', 'mbp'])).code).toBe(0);
  expect(cli.git(['ls-tree', '-r', '--name-only', 'main'], cli.remote)).toContain(
    `${GENERAL}/m.re.echo.md`,
  );
  // What it published last is known to the next start: a rewrite that drops just that is noticed.
  const [head, parent] = cli.git(['rev-list', '--max-count=2', 'main'], cli.remote).split('\n');
  cli.git(['update-ref', 'refs/heads/main', parent ?? '', head ?? ''], cli.remote);
  const after = await cli.run(['run', '--once', '--alias', 'mbp']);
  expect([
    after.code,
    after.stdout.includes('"attempt.started"'),
    after.stdout.includes('transport.rewritten'),
  ]).toEqual([1, false, true]);
});

function alertsOf(stdout: string): readonly string[] {
  return stdout
    .split('\n')
    .filter((line) => line.includes('"level":"alert"') && line.includes('"publish.'));
}
