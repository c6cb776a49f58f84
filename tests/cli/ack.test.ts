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
  cli.say({ [path]: '---\nto: broken\npriority: higher\n---\nx\n' });
  expect(await needs()).toContainEqual([path]);
});

it('--failed dismisses every failure that is listed, and nothing else', async () => {
  expect((await cli.json(['ack', '--failed'])).data['dismissed']).toHaveLength(2);
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
