/** A dispatcher that starts while a command has the state of this host. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, startCli } from '../support/cli.ts';

let cli: Cli;

beforeAll(async () => {
  cli = await startCli();
}, 60_000);

afterAll(() => cli.close());

it('waits for one that answers its own message, and then serves', async () => {
  const pipe = join(cli.place, 'pipe');
  execFileSync('mkfifo', [pipe]);
  cli.say({
    'data/models.yaml': `models:\n  slow: { adapter: command, command: [cat, ${pipe}], effects: none }\n`,
  });
  await cli.run(['allow', 'slow']);
  const sent = cli.start(['send', '--to', 'slow', '--wait', '-m', 'hello']);
  await sent.until('this command answers');
  const dispatcher = cli.start(['run']);
  await dispatcher.until('"event":"state.busy"');
  writeFileSync(pipe, 'done\n');
  await dispatcher.until('"event":"dispatcher.started"');
  const second = await cli.run(['run', '--once']);
  expect(second.stderr).toContain('HELD_BY_ANOTHER');
  expect(await dispatcher.stop()).toMatchObject({ code: 0 });
  expect((await sent.stop()).stdout).toContain('done');
});
