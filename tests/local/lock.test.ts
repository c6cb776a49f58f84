import { spawnSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { acquireLock, readLock, type LockHolder } from '../../src/local/lock.ts';
import {
  isProvablyGone,
  ownIdentity,
  parseProcStat,
  readProcessStart,
} from '../../src/local/process-identity.ts';
import { buildSources, startChild, tempDirectory, type Child } from './run-child.ts';
import { fixIs } from '../support/fix.ts';

let built: string;
beforeAll(async () => {
  built = await buildSources('local/lock.ts', 'base/clock.ts', 'base/random.ts');
});
afterAll(() => rm(built, { recursive: true, force: true }));

const hasFlock =
  process.platform === 'linux' && spawnSync('flock', ['--version']).error === undefined;
const locker = { alias: 'mbp', clock: systemClock, random: systemRandom };

const TAKER = `
  const { acquireLock } = await load('local/lock.js');
  const { systemClock } = await load('base/clock.js');
  const { systemRandom } = await load('base/random.js');
  const lock = await acquireLock(args[0], { alias: 'racer', clock: systemClock, random: systemRandom }).catch((error) => error);
  await say(lock.holder === undefined ? lock.code : 'won');
  await input.next();
  if (args[1] === 'release' && lock.holder !== undefined) await lock.release();
  process.exit(0);`;

function startTaker(directory: string, end: 'release' | 'die'): Child {
  return startChild(built, { code: TAKER, args: [directory, end], waits: true });
}

async function race(
  directory: string,
  end: 'release' | 'die',
  takers = 6,
): Promise<readonly (string | null)[]> {
  const children = Array.from({ length: takers }, () => startTaker(directory, end));
  for (const child of children) expect(await child.nextLine()).toBe('ready');
  for (const child of children) child.say('go');
  const results = await Promise.all(children.map((child) => child.nextLine()));
  for (const child of children) child.say('end');
  await Promise.all(children.map((child) => child.ended()));
  return results;
}

describe('the lock of a state directory', () => {
  it('has one holder; the second is told who, since when, and what to do', async () => {
    const directory = await tempDirectory();
    const lock = await acquireLock(directory, locker);
    const refused = await acquireLock(directory, locker).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'HELD_BY_ANOTHER',
      fix: fixIs(/crosstalkd stop/),
    });
    expect(String(refused)).toContain(
      `process ${process.pid}, alias "mbp", since ${lock.holder.since}`,
    );
    expect(await readLock(directory)).toEqual({ kind: 'held', holder: lock.holder });
    await lock.release();
    expect(await readLock(directory)).toEqual({ kind: 'free' });
  });

  it('of a holder in another container that had no lock of the kernel is not broken: a person is told what only a person can know', async () => {
    const directory = await tempDirectory();
    const { holder } = await acquireLock(directory, locker);
    if (holder.pidSpace === null) return;
    const { kernelLock, ...elsewhere } = { ...holder, pidSpace: 'pid:[1]', pid: 2 ** 22 + 1 };
    await writeFile(join(directory, 'lock.2'), `${JSON.stringify(elsewhere)}\n`);
    const refused = await acquireLock(directory, locker).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'HELD_BY_ANOTHER',
      fix: fixIs(new RegExp(`remove lock.* in ${directory}`)),
    });
    expect(String(refused)).toContain('another container');
    expect(kernelLock).toBe(hasFlock);
  });

  it.runIf(hasFlock)(
    'of a holder in another container is held while that one lives and is gone when it was killed',
    async () => {
      const directory = await tempDirectory();
      const child = startTaker(directory, 'die');
      await child.nextLine();
      child.say('go');
      expect(await child.nextLine()).toBe('won');
      // The same open file, as a process of another pid namespace would have it.
      const path = join(directory, 'lock.1');
      const text = JSON.stringify({
        ...(JSON.parse(await readFile(path, 'utf8')) as LockHolder),
        pidSpace: 'pid:[1]',
        pid: 2 ** 22 + 1,
      });
      await writeFile(path, text);
      const refused = await acquireLock(directory, locker).catch((error: unknown) => error);
      expect(refused).toMatchObject({
        code: 'HELD_BY_ANOTHER',
        fix: fixIs(/crosstalkd stop/),
      });
      expect(String(refused)).toContain(
        'a dispatcher in another container already serves this transport: process',
      );
      await child.kill();
      expect(await readLock(directory)).toMatchObject({ kind: 'gone', holder: { alias: 'racer' } });
      await writeFile(
        path,
        text
          .replace(/"boot":"[^"]*"/, '"boot":"of another machine"')
          .replace(/"machine":(null|"[^"]*")/, '"machine":"other"'),
      );
      expect(await readLock(directory)).toMatchObject({ kind: 'held' });
      await writeFile(path, text);
      await (await acquireLock(directory, locker)).release();
    },
  );

  it('is free again after a release, and a second release does not take it from the next holder', async () => {
    const directory = await tempDirectory();
    const first = await acquireLock(directory, locker);
    await first.release();
    const second = await acquireLock(directory, locker);
    await first.release();
    expect(await readLock(directory)).toMatchObject({
      kind: 'held',
      holder: { token: second.holder.token },
    });
    await second.release();
  });

  it('keeps a bounded number of old files', async () => {
    const directory = await tempDirectory();
    for (let round = 0; round < 25; round += 1)
      await (await acquireLock(directory, locker)).release();
    expect((await readdir(directory)).length).toBeLessThanOrEqual(16);
  });

  it.each(['free', 'left by a killed holder', 'released'])(
    'when it is %s and many processes take it at once, exactly one wins',
    async (before) => {
      const directory = await tempDirectory();
      for (let round = 0; round < 3; round += 1) {
        if (round === 0 && before === 'left by a killed holder')
          expect(await race(directory, 'die', 1)).toEqual(['won']);
        if (round === 0 && before === 'released')
          await (await acquireLock(directory, locker)).release();
        const results = await race(directory, before === 'released' ? 'release' : 'die');
        expect([...results].sort()).toEqual([...Array<string>(5).fill('HELD_BY_ANOTHER'), 'won']);
      }
    },
  );

  it('of a killed process is taken over at once', async () => {
    const directory = await tempDirectory();
    const child = startTaker(directory, 'die');
    await child.nextLine();
    child.say('go');
    expect(await child.nextLine()).toBe('won');
    await expect(acquireLock(directory, locker)).rejects.toMatchObject({ code: 'HELD_BY_ANOTHER' });
    await child.kill();
    expect(await readLock(directory)).toMatchObject({
      kind: 'gone',
      holder: { pid: child.pid, alias: 'racer' },
    });
    await (await acquireLock(directory, locker)).release();
  });

  it('is never taken over because it cannot be read, only reported with the fix', async () => {
    const directory = await tempDirectory();
    await writeFile(join(directory, 'lock.3'), 'garbage');
    await expect(acquireLock(directory, locker)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      fix: fixIs(/lock\.3/),
    });
  });

  it('is written whole: the file names its holder from the moment it exists', async () => {
    const directory = await tempDirectory();
    const lock = await acquireLock(directory, locker);
    const names = await readdir(directory);
    expect(names).toEqual(['lock.1']);
    expect(JSON.parse(await readFile(join(directory, 'lock.1'), 'utf8'))).toEqual(lock.holder);
    await lock.release();
  });
});

describe('proof that a process is gone', () => {
  async function own(): Promise<LockHolder> {
    return {
      ...(await ownIdentity()),
      alias: 'a',
      since: '',
      token: 't',
      kernelLock: false,
      brief: false,
    };
  }

  it('is another boot of the same machine, another start of the pid, or no such pid', async () => {
    const holder = await own();
    expect(await isProvablyGone(holder)).toBe(false);
    expect(await isProvablyGone({ ...holder, boot: 'another' })).toBe(true);
    expect(await isProvablyGone({ ...holder, start: '1' })).toBe(true);
    expect(await isProvablyGone({ ...holder, pid: 2 ** 22 + 1 })).toBe(true);
  });

  it('cannot be had of another machine or another pid namespace', async () => {
    const holder = await own();
    expect(await isProvablyGone({ ...holder, machine: 'one', boot: 'another' })).toBe(
      holder.machine === null,
    );
    if (holder.pidSpace !== null)
      expect(await isProvablyGone({ ...holder, pidSpace: 'pid:[1]', pid: 2 ** 22 + 1 })).toBe(
        false,
      );
  });

  it('is a zombie too: it runs nothing any more', () => {
    const fields = ['S', ...Array.from({ length: 18 }, (_, index) => String(index)), '4711', '0'];
    expect(parseProcStat(`12 (a (b) c) ${fields.join(' ')}`)).toEqual({
      start: '4711',
      ended: false,
    });
    expect(parseProcStat(`12 (x) ${fields.join(' ').replace('S', 'Z')}`)).toEqual({
      start: '4711',
      ended: true,
    });
    expect(parseProcStat('nonsense')).toBeNull();
  });

  it('reads the same start for a process every time', async () => {
    const start = await readProcessStart(process.pid);
    expect(start).not.toBeNull();
    expect(await readProcessStart(process.pid)).toBe(start);
  });
});
