/** Folders where files are expected: every host comes to the same conclusion, whether it saw them come or not, and no agent runs for nothing. */
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

/** Agents that a dispatcher started with this state directory until nothing was left to do; null when it did not come to an end. */
async function countRuns(state: string): Promise<number | null> {
  const { code, stdout } = await cli.run(['run', '--once', '--alias', 'mbp', '--state', join(cli.place, state)]);
  return code === 0 ? stdout.split('"attempt.started"').length - 1 : null;
}

it.each([
  { folder: 'm.re.echo.md', where: 'at the path of the reply' },
  { folder: 'ARCHIVED', where: 'named as the mark of an archived channel' },
])('a folder $where closes the message on every host, and it is answered once when the folder is gone', async ({ folder }) => {
  cli.say({ [`${GENERAL}/${folder}/note.txt`]: 'in the way', [`${GENERAL}/${folder}/more.txt`]: 'too' });
  expect(await countRuns('state')).toBe(0);
  expect(await countRuns('fresh')).toBe(0);
  const other = join(cli.place, 'other');
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
});

it('a folder where a run has to write holds up that run only', async () => {
  const run = 'steps:\n  ok: { ask: { title: ok } }\n  make: { prompt: x, model: echo, needs: ok }';
  cli.say({ [`${GENERAL}/w.md`]: `---\nto: workflow\ntype: workflow\nfrom: ada\n${run}\n---\ngo\n` });
  await cli.answer();
  const channel = /data\/channels\/run-\w+/.exec(cli.git(['ls-tree', '-r', '--name-only', 'main'], cli.remote))?.[0] ?? '';
  cli.say({ [`${channel}/steps/make/one/task.md/note.txt`]: 'in the way' });
  const { code } = await cli.run(['workflow', 'approve', 'w', 'ok', '--from', 'ada']);
  expect(code).toBe(0);
  const host = cli.start(['run', '--alias', 'mbp']);
  await host.until('a folder stands there');
  cli.say({ [`${GENERAL}/later.md`]: letter('echo', 'hello') });
  await host.until('"event":"reply.published"');
  await host.stop();
  expect(cli.git(['ls-tree', '-r', '--name-only', 'main'], cli.remote)).toContain(`${GENERAL}/later.re.echo.md`);
});
