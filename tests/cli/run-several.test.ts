/** One process that serves several transports. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, startCli } from '../support/cli.ts';

let cli: Cli;
let second: string;
beforeAll(async () => {
  cli = await startCli();
  second = join(cli.place, 'second');
  expect(await cli.run(['init', second], { cwd: cli.place })).toMatchObject({ code: 0 });
});
afterAll(() => cli.close());

describe('run with several directories', () => {
  it('answers in each, tells them apart, and continues when one cannot be opened', async () => {
    const nowhere = join(cli.place, 'home');
    for (const clone of [cli.clone, second])
      expect(
        await cli.run(['send', '--to', 'echo', '-m', `to ${clone}`], { cwd: clone }),
      ).toMatchObject({ code: 0 });
    const { code, stdout, stderr } = await cli.run(['run', cli.clone, nowhere, second, '--once'], {
      cwd: cli.place,
    });
    expect(code).toBe(2);
    expect(stderr).toContain(`${nowhere}: NOT_A_TRANSPORT`);
    const published = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; transport: string })
      .filter(({ event }) => event === 'reply.published');
    expect(published.map(({ transport }) => transport).sort()).toEqual([cli.clone, second].sort());
    for (const clone of [cli.clone, second])
      expect((await cli.run(['log', '-n', '1'], { cwd: clone })).stdout).toContain(
        `to ${clone}`.slice(0, 12),
      );
  });

  it('refuses options that are for one', async () => {
    expect(await cli.run(['run', cli.clone, second, '--trace', 'x.json'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--trace') as string,
    });
  });
});
