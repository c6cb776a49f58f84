/**
 * Git in a person's project: led astray by nothing in the environment, no hooks, and killed with
 * everything it started when it takes too long.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createProjectGit } from '../../src/transport/git-runner.ts';
import { eventually } from '../support/eventually.ts';
import { processesNaming } from '../support/git-fixture.ts';

let place: string;
let env: Readonly<Record<string, string>>;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'crosstalk-project-'));
  env = {
    PATH: process.env['PATH'] ?? '',
    HOME: place,
    GIT_CONFIG_GLOBAL: join(place, 'gitconfig'),
  };
  writeFileSync(env['GIT_CONFIG_GLOBAL']!, '[user]\n\tname = Ada\n\temail = ada@example.org\n');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

it('works in the directory that it is given, without hooks, and keeps the project’s links', async () => {
  const project = join(place, 'project');
  execFileSync('git', ['init', '-q', project]);
  writeFileSync(
    join(project, '.git', 'hooks', 'pre-commit'),
    `#!/bin/sh\ntouch ${place}/hooked\n`,
    { mode: 0o755 },
  );
  writeFileSync(join(project, 'a'), 'a');
  symlinkSync('a', join(project, 'link'));
  mkdirSync(join(place, 'elsewhere'));
  const astray = {
    ...env,
    GIT_DIR: join(place, 'elsewhere'),
    GIT_WORK_TREE: '/',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.bare',
  };
  const git = createProjectGit({ env: astray, clock: systemClock, limitMs: 30_000 });
  expect((await git(project, ['rev-parse', '--show-toplevel'])).stdout.toString()).toContain(
    'project',
  );
  for (const args of [
    ['add', '--all'],
    ['commit', '-qm', 'one'],
    ['worktree', 'add', '-q', '--detach', join(place, 'tree')],
  ])
    expect(await git(project, args)).toMatchObject({ ended: 'exited', code: 0 });
  expect(existsSync(join(place, 'hooked'))).toBe(false);
  expect(lstatSync(join(place, 'tree', 'link')).isSymbolicLink()).toBe(true);
});

it('is killed at its limit, with what it started', async () => {
  const bin = join(place, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'git'),
    `#!/bin/sh\nsh -c 'while :; do sleep 1; done' ${place}/helper &\nwait\n`,
    { mode: 0o755 },
  );
  const git = createProjectGit({
    env: { ...env, PATH: `${bin}:${env['PATH'] ?? ''}` },
    clock: systemClock,
    limitMs: 300,
  });
  expect(await git(place, ['fetch'])).toMatchObject({ ended: 'timeout' });
  await eventually(
    () => processesNaming(`${place}/helper`),
    (left) => left.length === 0,
  );
});
