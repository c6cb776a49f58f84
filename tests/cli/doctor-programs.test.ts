/**
 * What `doctor`, `models`, `join` and `init` say of the agent programs of a host: one look, also
 * with the bare PATH of a service.
 */
import type { Fix } from '../../src/base/fix.ts';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { fixIs, fixLine } from '../support/fix.ts';

/** What a service has: git is there, and nothing of its user. */
const BARE = '/usr/local/bin:/usr/bin:/bin';
let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet('models:\n  opus: { adapter: claude }\n', {
    PATH: BARE,
    ANTHROPIC_API_KEY: '',
  });
  put('.local/bin/claude', 'echo "2.1.329 (Claude Code)"');
});
afterAll(() => fleet.close());

function put(path: string, script: string): void {
  mkdirSync(dirname(join(fleet.place, path)), { recursive: true });
  writeFileSync(join(fleet.place, path), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

function write(entry: string): void {
  writeFileSync(join(fleet.place, 'config', 'models.yaml'), `models:\n  opus: ${entry}\n`, {
    mode: 0o600,
  });
}

interface Check {
  readonly name: string;
  readonly level: string;
  readonly says: string;
  readonly fix: Fix | null;
}
interface Program {
  readonly adapter: string;
  readonly version: string | null;
  readonly signed_in: string;
  readonly models: readonly string[];
  readonly says: string;
  readonly fix: Fix | null;
}

const at = (): readonly string[] => [
  '-C',
  fleet.clone,
  '--state',
  join(fleet.place, 'state-maker'),
];
async function examine(): Promise<Check | undefined> {
  const { stdout } = await fleet.run(['doctor', '--json', ...at()]);
  return (JSON.parse(stdout) as { checks: readonly Check[] }).checks.find(
    ({ name }) => name === 'program claude',
  );
}
async function listed(): Promise<{
  readonly health: string;
  readonly programs: readonly Program[];
  readonly models: readonly Check[];
}> {
  return JSON.parse((await fleet.run(['models', '--json', ...at()])).stdout) as Awaited<
    ReturnType<typeof listed>
  >;
}
/** `doctor` and `models` say the same of claude. */
async function told(): Promise<Pick<Check, 'says' | 'fix'>> {
  const check = await examine();
  const program = (await listed()).programs.find(
    ({ adapter, models }) => adapter === 'claude' && models.length > 0,
  );
  expect({ says: program?.says, fix: program?.fix }).toEqual({
    says: check?.says,
    fix: check?.fix,
  });
  return { says: check?.says ?? '', fix: check?.fix ?? null };
}
const command = (): string =>
  `command: [${JSON.stringify(join(fleet.place, '.local/bin/claude'))}]`;

describe('doctor and models', () => {
  it('find a program that a bare PATH does not have, and say what to write', async () => {
    const path = join(fleet.place, '.local/bin/claude');
    expect(await told()).toMatchObject({
      says: expect.stringContaining(`2.1.329, ${path}`) as string,
      fix: fixIs(new RegExp(path)),
    });
    expect(await examine()).toMatchObject({ level: 'warn' });
    const { models } = await listed();
    expect(models.find(({ name }) => name === 'opus')).toMatchObject({
      served: false,
      says: expect.stringContaining(`not on the PATH here, but at ${path}`) as string,
    });
    const { stdout } = await fleet.run(['models', ...at()]);
    expect(stdout).toMatch(/^claude +opus +2\.1\.329/m);
    expect(stdout).toContain(`command: ["${path}"]`);
  });

  it('say that nobody is signed in and what to do, and then that somebody is', async () => {
    write(`{ adapter: claude, ${command()} }`);
    const nobody = await told();
    expect(nobody).toMatchObject({ says: expect.stringContaining('not signed in') as string });
    expect(fixLine(nobody.fix)).toMatch(/ANTHROPIC_API_KEY/);
    expect((await listed()).health).toBe('degraded');
    mkdirSync(join(fleet.place, '.claude'));
    writeFileSync(join(fleet.place, '.claude', '.credentials.json'), '{}');
    expect(await told()).toMatchObject({
      says: expect.stringMatching(/, signed in$/) as string,
      fix: null,
    });
    expect((await listed()).health).toBe('good');
    rmSync(join(fleet.place, '.claude'), { recursive: true });
  });

  it('say of a key that is set and not given to the model what to add to its entry', async () => {
    const keyed = async (): Promise<readonly Program[]> => {
      const { stdout } = await fleet.run(['models', '--json', ...at()], { ANTHROPIC_API_KEY: 'k' });
      return (JSON.parse(stdout) as { programs: readonly Program[] }).programs;
    };
    expect(await keyed()).toMatchObject([
      {
        says: expect.stringContaining('which opus does not get') as string,
        fix: fixIs('env: [ANTHROPIC_API_KEY] in models.yaml'),
      },
    ]);
    write(`{ adapter: claude, ${command()}, env: [ANTHROPIC_API_KEY] }`);
    expect(await keyed()).toMatchObject([
      { says: expect.stringContaining('signed in by ANTHROPIC_API_KEY') as string, fix: null },
    ]);
  });

  it('ask all programs at once, and models says which did not answer', async () => {
    for (const name of ['claude', 'codex', 'gemini'])
      put(`.local/bin/${name}`, 'while :; do sleep 1; done');
    const { programs } = await listed();
    expect(programs.map(({ adapter }) => adapter)).toEqual(['claude', 'codex', 'gemini']);
    for (const { says, version } of programs) {
      expect(version).toBeNull();
      expect(says).toContain('did not answer within 5');
    }
  });
});

describe('join and init', () => {
  it('say it as well', async () => {
    for (const name of ['codex', 'gemini']) rmSync(join(fleet.place, '.local', 'bin', name));
    put('.local/bin/claude', 'echo "2.1.329 (Claude Code)"');
    const joined = await fleet.run([
      'join',
      fleet.remote,
      join(fleet.place, 'second'),
      '--state',
      join(fleet.place, 'state-second'),
    ]);
    expect(joined.stdout).toMatch(/program claude 2\.1\.329, .*not signed in: run "claude"/);
    const made = await fleet.run([
      'init',
      join(fleet.place, 'third'),
      '--state',
      join(fleet.place, 'state-third'),
    ]);
    expect(made.stdout).toContain('found claude 2.1.329, not signed in: ');
  });
});
