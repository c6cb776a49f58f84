/**
 * Each fault that `doctor` knows is planted, named, and with --fix repaired and looked at again;
 * those that only a person can mend are named.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, type Json, letter, listOf, startCli } from '../support/cli.ts';
import { fixIs } from '../support/fix.ts';

let cli: Cli;
let state: string;
beforeAll(async () => {
  cli = await startCli();
  state = String((await cli.json(['status', '--config'])).data['state']);
});
afterAll(() => cli.close());

const config = (...names: readonly string[]): string => join(cli.place, 'config', ...names);
const mode = (path: string): number => statSync(path).mode & 0o777;
const checks = (data: Json): readonly string[] =>
  listOf(data, 'checks').map(({ name, level }) => `${String(level)} ${String(name)}`);
const named = (data: Json, name: string): Json | undefined =>
  listOf(data, 'checks').find((check) => check['name'] === name);

function writeOpen(path: string, text: string, bits: number): void {
  writeFileSync(path, text);
  chmodSync(path, bits);
}

/** A ref on the remote that names a commit with this text. */
function plantRecord(ref: string, text: string): void {
  const tree = cli.git(['mktree'], cli.remote);
  cli.git(['update-ref', ref, cli.git(['commit-tree', tree, '-m', text], cli.remote)], cli.remote);
}

interface Fault {
  readonly fault: string;
  readonly check: string;
  readonly plant: () => void;
  readonly isMended: () => boolean;
}

const FAULTS: readonly Fault[] = [
  {
    fault: 'a configuration directory that its group may write',
    check: 'warn configuration',
    plant: () => chmodSync(config(), 0o770),
    isMended: () => mode(config()) === 0o750,
  },
  {
    fault: 'models of the host that every user may write',
    check: 'bad configuration',
    plant: () => writeOpen(config('models.yaml'), 'models: {}\n', 0o666),
    isMended: () => mode(config('models.yaml')) === 0o644,
  },
  {
    fault: 'keys of services that every user may read',
    check: 'bad secrets',
    plant: () => writeOpen(config('service.env'), 'KEY=x\n', 0o644),
    isMended: () => mode(config('service.env')) === 0o600,
  },
  {
    fault: 'a wake secret that its group may read',
    check: 'bad secrets',
    plant: () => writeOpen(config('wake-secret'), 'sixteen or more characters\n', 0o640),
    isMended: () => mode(config('wake-secret')) === 0o600,
  },
  {
    fault: 'a lock that a killed git left in the cache',
    check: 'warn git locks',
    plant: () => {
      writeFileSync(join(state, 'cache.git', 'packed-refs.lock'), '');
      utimesSync(join(state, 'cache.git', 'packed-refs.lock'), 1, 1);
    },
    isMended: () =>
      statSync(join(state, 'cache.git', 'packed-refs.lock'), { throwIfNoEntry: false }) ===
      undefined,
  },
  {
    fault: 'a folder that an agent has left and locked',
    check: 'warn scratch',
    plant: () => {
      mkdirSync(join(state, 'scratch', 'attempt', 'deep'), { recursive: true });
      chmodSync(join(state, 'scratch', 'attempt'), 0o000);
    },
    isMended: () => statSync(join(state, 'scratch'), { throwIfNoEntry: false }) === undefined,
  },
  {
    fault: 'a claim that cannot be read',
    check: 'warn claims',
    plant: () => plantRecord(`refs/crosstalk/claims/${'0'.repeat(32)}`, 'garbage'),
    isMended: () => cli.git(['for-each-ref', 'refs/crosstalk/claims'], cli.remote) === '',
  },
  {
    fault: 'beats that cannot be read',
    check: 'warn hosts',
    plant: () => {
      plantRecord('refs/crosstalk/hosts/attic.0123456789ab', 'garbage');
      plantRecord('refs/crosstalk/hosts/no name at all'.replaceAll(' ', '+'), 'garbage');
    },
    isMended: () => cli.git(['for-each-ref', 'refs/crosstalk/hosts'], cli.remote) === '',
  },
  {
    fault: 'a remote that takes rewritten history',
    check: 'warn protection',
    plant: () => cli.git(['config', 'receive.denyNonFastForwards', 'false'], cli.remote),
    isMended: () => cli.git(['config', 'receive.denyNonFastForwards'], cli.remote) === 'true',
  },
];

describe('doctor', () => {
  it.each(FAULTS)('names and repairs $fault', async ({ check, plant, isMended }) => {
    plant();
    const found = await cli.json(['doctor']);
    expect(checks(found.data)).toContain(check);
    expect(found.code).toBe(check.startsWith('bad') ? 1 : 0);
    expect(isMended()).toBe(false);
    const fixed = await cli.json(['doctor', '--fix']);
    expect(fixed).toMatchObject({ code: 0, data: { ok: true, health: 'good' } });
    expect(fixed.data['repaired']).toHaveLength(1);
    expect(isMended()).toBe(true);
  });

  it('repairs everything at once, also what hides the rest', async () => {
    for (const { plant } of FAULTS) plant();
    const fixed = await cli.json(['doctor', '--fix']);
    expect(fixed).toMatchObject({ code: 0, data: { ok: true, health: 'good' } });
    expect(FAULTS.filter(({ isMended }) => !isMended())).toEqual([]);
  });

  it('makes the state directory private again when others can read it, as every command does', async () => {
    chmodSync(state, 0o755);
    expect(named((await cli.json(['doctor'])).data, 'state')).toMatchObject({ level: 'ok' });
    expect(mode(state)).toBe(0o700);
  });

  it('leaves a git lock alone that may be somebody’s', async () => {
    const path = join(state, 'cache.git', 'packed-refs.lock');
    writeFileSync(path, '');
    expect((await cli.json(['doctor', '--fix'])).data['repaired']).toEqual([]);
    rmSync(path);
  });

  it('names a lock that cannot be read, and never removes it', async () => {
    const path = join(state, 'lock.999');
    writeFileSync(path, 'garbage');
    const { code, data } = await cli.json(['doctor', '--fix']);
    expect(code).toBe(1);
    expect(named(data, 'dispatcher')).toMatchObject({
      level: 'bad',
      fix: fixIs(new RegExp(`rm ${path}`)),
    });
    rmSync(path);
  });

  it('names a dispatcher that holds the state directory and does not answer', async () => {
    const running = cli.start(['run']);
    await running.until('dispatcher.started');
    const { holder } = (await import('../../src/local/lock.ts').then(({ readLock }) =>
      readLock(state),
    )) as { holder: { pid: number } };
    process.kill(holder.pid, 'SIGSTOP');
    const { code, data } = await cli.json(['doctor']);
    process.kill(holder.pid, 'SIGCONT');
    expect(code).toBe(1);
    expect(named(data, 'dispatcher')).toMatchObject({
      level: 'bad',
      fix: fixIs(`kill ${holder.pid}`),
    });
    await running.stop();
  });

  it('tells a partial cache from a damaged one, and one that the remote made whole', async () => {
    const env = { ...cli.env, CROSSTALK_PARTIAL_CACHE: 'true' };
    const look = async (name: string): Promise<Json | undefined> =>
      named((await cli.json(['doctor', '--state', join(cli.place, name)], { env })).data, 'cache');
    expect(await look('partial')).toMatchObject({
      level: 'ok',
      says: 'partial: older contents are fetched when they are read',
    });
    cli.git(['config', 'uploadpack.allowFilter', 'false'], cli.remote);
    const told = await cli.run(['log', '--state', join(cli.place, 'whole')], { env });
    expect(told.stderr).toContain(
      'partial-cache: the remote cannot omit contents: it does not allow filters',
    );
    expect(await look('whole')).toMatchObject({ level: 'warn' });
  });

  it('names a git that is too old', async () => {
    const bin = join(cli.place, 'old-git');
    mkdirSync(bin);
    writeFileSync(join(bin, 'git'), '#!/bin/sh\necho "git version 1.8.3"\n', { mode: 0o755 });
    const { code, data } = await cli.json(['doctor'], {
      env: { PATH: `${bin}:${cli.env['PATH'] ?? ''}` },
    });
    expect(code).toBe(1);
    expect(named(data, 'git')).toMatchObject({
      level: 'bad',
      says: expect.stringContaining('git 1.8 is too old') as string,
    });
  });

  const hasNamespaces =
    spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
  it.runIf(hasNamespaces)('names a disk that is nearly full', () => {
    const script = 'mount -t tmpfs -o size=16m none "$0" && exec "$@"';
    const program = [
      process.execPath,
      join(import.meta.dirname, '../../bin/crosstalkd.js'),
      'doctor',
      '--json',
    ];
    const { stdout } = spawnSync(
      'unshare',
      ['-Urm', 'sh', '-c', script, join(cli.place, 'state'), ...program],
      {
        cwd: cli.clone,
        env: cli.env,
        encoding: 'utf8',
      },
    );
    const check = named(JSON.parse(stdout) as Json, 'disk');
    expect(check).toMatchObject({ level: 'bad', says: expect.stringContaining('only') as string });
  });

  it('names a clock that the newest commit is ahead of', async () => {
    cli.say({ 'data/channels/general/note.md': letter('grace', 'from tomorrow') });
    const other = cli.elsewhere();
    const ahead = new Date(Date.now() + 86_400_000).toISOString();
    cli.git(['commit', '-q', '--allow-empty', '-m', 'ahead', '--date', ahead], other);
    cli.git(['push', '-q'], other);
    const { code, data } = await cli.json(['doctor']);
    expect(code).toBe(0);
    expect(named(data, 'clock')).toMatchObject({ level: 'warn', fix: fixIs('timedatectl status') });
  });

  const CALLS = { CROSSTALK_LISTEN: '0.0.0.0:7420', CROSSTALK_WAKE_PEERS: '10.0.0.0/8' };
  it.each<{
    fault: string;
    env?: Readonly<Record<string, string>>;
    plant?: () => () => void;
    found: readonly string[];
    says?: string;
    code: number;
  }>([
    {
      fault: 'what waits on this disk',
      plant: () => {
        const files = [join(state, 'outbox', 'one.json'), join(state, 'late', '000000001-two.txt')];
        for (const file of files)
          writeFileSync(
            file,
            `${JSON.stringify({ key: 'k', attemptId: 'a', reason: 'r' })}\n\nlate`,
          );
        const log = join(state, 'log.jsonl');
        writeFileSync(log, '{"event":"publish.refused","reason":"GH006: protected"}\n{"ev');
        return () => [...files, log].forEach((file) => rmSync(file));
      },
      found: ['warn outbox', 'warn late output'],
      says: 'not delivered; the remote said: GH006: protected',
      code: 0,
    },
    {
      fault: 'calls without a secret',
      env: CALLS,
      plant: () => {
        rmSync(config('wake-secret'), { force: true });
        return () => undefined;
      },
      found: ['bad listen', 'bad wake-peers'],
      code: 1,
    },
    {
      fault: 'an address at which nobody listens',
      env: { CROSSTALK_WAKE_ADDRESS: 'mbp.example:7420' },
      found: ['warn wake-address'],
      code: 0,
    },
    {
      fault: 'a secret that is short',
      env: { CROSSTALK_WAKE_SECRET: 'short' },
      found: ['bad wake-secret'],
      code: 1,
    },
    {
      fault: 'a remote that rejects pushes',
      plant: () => {
        const hook = join(cli.remote, 'hooks', 'pre-receive');
        writeFileSync(hook, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
        return () => rmSync(hook);
      },
      found: ['bad push'],
      code: 1,
    },
    {
      fault: 'a remote whose hook does not end',
      env: { CROSSTALK_NETWORK_TIMEOUT: '1s' },
      plant: () => {
        const hook = join(cli.remote, 'hooks', 'pre-receive');
        writeFileSync(hook, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
        return () => rmSync(hook);
      },
      found: ['bad push'],
      code: 1,
    },
    {
      fault: 'a branch that was rewritten',
      plant: () => {
        const [tip = ''] = cli.git(['rev-list', 'main'], cli.remote).split('\n');
        cli.git(
          [
            'update-ref',
            'refs/heads/main',
            cli.git(['commit-tree', `${tip}^{tree}`, '-m', 'new'], cli.remote),
          ],
          cli.remote,
        );
        return () => cli.git(['update-ref', 'refs/heads/main', tip], cli.remote);
      },
      found: ['bad history'],
      code: 1,
    },
    {
      fault: 'a remote that is gone',
      plant: () => {
        renameSync(cli.remote, `${cli.remote}.away`);
        return () => renameSync(`${cli.remote}.away`, cli.remote);
      },
      found: ['bad remote'],
      code: 4,
    },
  ])(
    'names $fault',
    async ({ env = {}, plant = () => () => undefined, found, says = '', code }) => {
      const mend = plant();
      const told = await cli.json(['doctor'], { env: { ...cli.env, ...env } });
      mend();
      expect(checks(told.data).filter((check) => !check.startsWith('ok '))).toEqual(
        expect.arrayContaining([...found]),
      );
      expect(JSON.stringify(told.data)).toContain(says);
      expect(told.code).toBe(code);
    },
  );
});
