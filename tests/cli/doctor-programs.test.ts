import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, startFleet } from '../support/fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet('models:\n  opus: { adapter: claude }\n');
  mkdirSync(join(fleet.place, '.local', 'bin'), { recursive: true });
  writeFileSync(join(fleet.place, '.local', 'bin', 'claude'), '#!/bin/sh\necho "2.1.329 (Claude Code)"\n', { mode: 0o755 });
});
afterAll(() => fleet.close());

interface Check {
  readonly name: string;
  readonly level: string;
  readonly says: string;
  readonly fix: string | null;
}

const examine = async (): Promise<Check | undefined> => {
  const { stdout } = await fleet.run(['doctor', '--json', '-C', fleet.clone, '--state', join(fleet.place, 'state-maker')]);
  return (JSON.parse(stdout) as { checks: readonly Check[] }).checks.find(({ name }) => name === 'program claude');
};

describe('doctor', () => {
  it('finds a program that a bare PATH does not have, and says what to write', async () => {
    const check = await examine();
    expect(check).toMatchObject({ level: 'warn', fix: expect.stringContaining(join(fleet.place, '.local/bin/claude')) as string });
    expect(check?.says).toContain('2.1.329');
  });

  it('says that nobody is signed in, and then that somebody is', async () => {
    const command = JSON.stringify([join(fleet.place, '.local/bin/claude')]);
    writeFileSync(join(fleet.place, 'config', 'models.yaml'), `models:\n  opus: { adapter: claude, command: ${command} }\n`, {
      mode: 0o600,
    });
    expect(await examine()).toMatchObject({ level: 'warn', says: expect.stringContaining('not signed in') as string });
    mkdirSync(join(fleet.place, '.claude'));
    writeFileSync(join(fleet.place, '.claude', '.credentials.json'), '{}');
    expect(await examine()).toMatchObject({ level: 'ok', says: expect.stringContaining('signed in') as string });
  });
});
