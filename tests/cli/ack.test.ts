/** `crosstalkd ack`: what needs nobody any more is dismissed for everybody. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, letter, listOf, startCli } from '../support/cli.ts';

const AT = 'data/channels/general';
let cli: Cli;
beforeAll(async () => {
  cli = await startCli({
    models:
      'models:\n  broken: { adapter: command, command: ["false"], effects: none, attempts: 1 }\n',
  });
  cli.say({
    [`${AT}/one.md`]: letter('broken', 'x'),
    [`${AT}/two.md`]: letter('broken', 'x'),
    [`${AT}/three.md`]: letter('broken', 'x'),
  });
  await cli.answer();
  cli.say({ [`${AT}/wrong.md`]: '---\nto: broken\npriority: high\n---\nx\n' });
});
afterAll(() => cli.close());

const needs = async (): Promise<readonly unknown[]> =>
  listOf((await cli.json(['status'])).data, 'needs').map(({ about }) => about);

it('a failure is dismissed by its id, once, with a note that says who and why', async () => {
  expect(await needs()).toEqual(expect.arrayContaining([['one'], ['two'], ['three']]));
  const said = await cli.run(['ack', 'one', '-m', 'known since Monday']);
  expect(said).toMatchObject({ code: 0, stdout: 'dismissed: one to broken\n' });
  expect(await needs()).not.toContainEqual(['one']);
  expect((await cli.run(['why', 'one'])).stdout).toContain('; dismissed, so nothing');
  expect((await cli.run(['why', 'two'])).stdout).not.toContain('dismissed');
  cli.git(['pull', '-q', '--rebase']);
  const note = cli.git(['grep', '-l', 'known since Monday', '--', 'data/acks']);
  expect(cli.git(['show', `HEAD:${note}`])).toMatch(/ack: one\nfrom: ada\ntimestamp: /);
  expect((await cli.run(['ack', 'one'])).code).toBe(3);
});

it('a file that is not a message is dismissed as it is: an edit is told again', async () => {
  const path = `${AT}/wrong.md`;
  expect(await needs()).toContainEqual([path]);
  expect((await cli.run(['ack', path])).code).toBe(0);
  expect(await needs()).not.toContainEqual([path]);
  expect((await cli.run(['why', path])).stdout).toContain('; dismissed, so nothing');
  cli.say({ [path]: '---\nto: broken\npriority: higher\n---\nx\n' });
  expect(await needs()).toContainEqual([path]);
});

it('a message beside the channels, hidden, or with another ending is told wherever files are told', async () => {
  const head = letter('broken', 'x');
  const notes = {
    [`${AT}/notes.txt`]: 'to whom it may concern\n',
    [`${AT}/.n.md`]: 'mine\n',
    'docs/how.md': '# How\n',
  };
  const inChannel = [`${AT}/.seen.md`, `${AT}/.trash/z.md`, `${AT}/hello.txt`];
  const strays = ['top.md', 'data/x.md', 'data/channel/general/y.md', ...inChannel];
  cli.say({ ...notes, ...Object.fromEntries(strays.map((path) => [path, head])) });
  const { data } = await cli.json(['status']);
  expect(
    listOf(data, 'rejected')
      .map(({ path }) => path)
      .filter((path) => path !== `${AT}/wrong.md`)
      .toSorted(),
  ).toEqual(strays.toSorted());
  const linted = await cli.run(['lint']);
  expect(linted.code).toBe(2);
  for (const path of strays) {
    expect(linted.stdout).toContain(`${path}:1: rejected`);
    const why = await cli.run(['why', path]);
    expect(why.stdout).toContain(`git mv -- ${path} ${AT}/`);
  }
  for (const asked of ['top', 'top.md', './top.md', 'y'])
    expect((await cli.run(['why', asked])).stdout, asked).toContain('git mv -- ');
  expect((await cli.run(['why', `${AT}/notes.txt`])).stderr).toContain('is not a message');
  // What was mended, or was none, is told no more.
  cli.say({
    ...Object.fromEntries(inChannel.map((path) => [path, 'only text\n'])),
    'top.md': '#\n',
  });
  expect((await cli.run(['ack', 'data/x.md', 'data/channel/general/y.md'])).code).toBe(0);
  expect(await needs()).toContainEqual([`${AT}/wrong.md`]);
});

it('--failed dismisses every failure that is listed, and nothing else', async () => {
  expect((await cli.json(['ack', '--failed'])).data['dismissed']).toHaveLength(2);
  expect((await cli.run(['ack', '--failed'])).stdout).toBe('no failure is listed\n');
  expect(await needs()).toEqual([[`${AT}/wrong.md`]]);
});

it('what was dismissed and is asked again and fails is a new failure', async () => {
  expect((await cli.run(['retry', 'two'])).code).toBe(0);
  await cli.answer();
  expect(listOf((await cli.json(['status'])).data, 'needs')).toContainEqual(
    expect.objectContaining({ kind: 'failure' }),
  );
});

it('asks for what, and says when there is nothing of that name', async () => {
  expect((await cli.run(['ack'])).code).toBe(2);
  expect((await cli.run(['ack', 'nothing'])).code).toBe(3);
});
