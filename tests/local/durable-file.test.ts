import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  attempt,
  ensurePrivateDirectory,
  localFailure,
  readTextFile,
  removeDurableFile,
  removeTemporaries,
  writeDurableFile,
} from '../../src/local/durable-file.ts';
import { buildSources, startChild, tempDirectory } from './run-child.ts';
import { toKnownError } from '../../src/local/known-error.ts';
import { fixIs, fixLine } from '../support/fix.ts';

let built: string;
beforeAll(async () => {
  built = await buildSources('local/durable-file.ts');
  await chmod(built, 0o755);
});
afterAll(() => rm(built, { recursive: true, force: true }));

const isRoot = process.getuid?.() === 0;

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the system says it`), { code });
}

describe('a durable file', () => {
  it('holds what was written last, is private, and leaves no temporary file', async () => {
    const directory = await tempDirectory();
    const path = join(directory, 'file');
    await writeDurableFile(path, 'one');
    await writeDurableFile(path, 'two');
    expect(await readTextFile(path)).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['file']);
  });

  it('is absent before the first write and after a removal, which may be repeated', async () => {
    const path = join(await tempDirectory(), 'file');
    expect(await readTextFile(path)).toBeNull();
    await writeDurableFile(path, 'x');
    await removeDurableFile(path);
    await removeDurableFile(path);
    expect(await readTextFile(path)).toBeNull();
  });

  it('keeps one of the contents when many writers replace it at once', async () => {
    const directory = await tempDirectory();
    const path = join(directory, 'file');
    const contents = Array.from({ length: 20 }, (_, index) => String(index).repeat(5_000));
    await Promise.all(contents.map((content) => writeDurableFile(path, content)));
    expect(contents).toContain(await readFile(path, 'utf8'));
    expect(await readdir(directory)).toEqual(['file']);
  });

  it('is the old or the new one, whenever its writer is killed', async () => {
    const directory = await tempDirectory();
    const path = join(directory, 'file');
    for (let round = 0; round < 8; round += 1) {
      const child = startChild(built, {
        args: [path],
        code: `const { writeDurableFile } = await load('local/durable-file.js');
          for (let n = 0; ; n += 1) { await writeDurableFile(args[0], String(n % 10).repeat(200000)); await say('written'); }`,
      });
      for (let writes = 0; writes <= round; writes += 1) await child.nextLine();
      await child.kill();
      const text = (await readTextFile(path)) ?? '';
      expect(text).toHaveLength(200_000);
      expect(new Set(text).size).toBe(1);
    }
    await writeFile(join(directory, '.other.1.1.tmp'), 'half');
    const left = await readdir(directory);
    await removeTemporaries(directory, 1_000);
    expect(await readdir(directory)).toEqual(left);
    await removeTemporaries(directory);
    expect(await readdir(directory)).toEqual(['file']);
  });

  it.each(['0', '0o077', '0o777'])('has sane modes under umask %s', async (umask) => {
    const directory = await tempDirectory();
    const child = startChild(built, {
      umask,
      args: [directory],
      code: `const { ensurePrivateDirectory, writeDurableFile } = await load('local/durable-file.js');
        await ensurePrivateDirectory(args[0] + '/a/b'); await writeDurableFile(args[0] + '/a/b/file', 'x');`,
    });
    expect(await child.ended()).toEqual({ status: 0, errors: '' });
    const modes = await Promise.all(
      ['a', 'a/b', 'a/b/file'].map(
        async (name) => (await stat(join(directory, name))).mode & 0o777,
      ),
    );
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });
});

describe('a directory that cannot be used', () => {
  it('is closed to others when it is ours and open', async () => {
    const path = join(await tempDirectory(), 'open');
    await mkdir(path);
    await chmod(path, 0o777);
    await ensurePrivateDirectory(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  it.runIf(existsSync('/proc/self'))(
    'is refused where no directory can be made, at once',
    async () => {
      await expect(ensurePrivateDirectory('/proc/nowhere/at/all')).rejects.toMatchObject({
        code: 'STATE_UNUSABLE',
        message: expect.stringContaining('/proc/nowhere: no directory can be made there') as string,
      });
    },
  );

  it('is refused when a file stands in its place or above it', async () => {
    const path = join(await tempDirectory(), 'file');
    await writeFile(path, '');
    await expect(ensurePrivateDirectory(path)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining(path) as string,
    });
    await expect(ensurePrivateDirectory(join(path, 'below'))).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      fix: fixIs(new RegExp(path)),
    });
  });

  it.runIf(isRoot)(
    'names the path and the fix when it is read-only or of another user',
    async () => {
      const directory = await tempDirectory();
      await chmod(directory, 0o755);
      const run = (path: string) =>
        startChild(built, {
          uid: 65534,
          args: [path],
          code: `const { ensurePrivateDirectory } = await load('local/durable-file.js');
          await ensurePrivateDirectory(args[0]).catch((error) => say(JSON.stringify({ code: error.code, text: error.message, fix: error.fix })));`,
        }).nextLine();
      const readOnly = JSON.parse((await run(join(directory, 'new'))) ?? '{}') as Record<
        string,
        string
      >;
      expect(readOnly).toMatchObject({
        code: 'STATE_UNUSABLE',
        text: expect.stringContaining(`${directory}/new`) as string,
      });
      expect(readOnly['text']).toContain('EACCES');
      expect(fixLine(readOnly['fix'])).toContain(directory);
      await mkdir(join(directory, 'theirs'));
      const theirs = JSON.parse((await run(join(directory, 'theirs'))) ?? '{}') as Record<
        string,
        string
      >;
      expect(theirs).toMatchObject({
        code: 'STATE_UNUSABLE',
        text: expect.stringContaining('belongs to user 0') as string,
      });
      expect(fixLine(theirs['fix'])).toContain('chown');
    },
  );

  it.each([
    ['EACCES', 'may not write'],
    ['EROFS', 'may not write'],
    ['ENOSPC', 'no space left'],
    ['EDQUOT', 'no space left'],
    ['ENOTDIR', 'directory is expected'],
  ])('%s says what was found, expected and the fix', (code, says) => {
    const error = localFailure(systemError(code), '/state/some where/x');
    expect(error).toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining(says) as string,
    });
    expect(error.message).toContain('/state/some where/x');
    expect(fixLine(error.fix)).toContain("'/state/some where");
  });

  it.each([
    [{ code: 'ENOSPC' }, 'STATE_UNUSABLE', 'df -h'],
    [{ code: 'EDQUOT', path: '/s/cache.git/x' }, 'STATE_UNUSABLE', 'df -h /s/cache.git'],
    [{ code: 'EROFS', path: '/s/x' }, 'STATE_UNUSABLE', 'ls -ld /s'],
    [{ code: 'ENOENT', syscall: 'mkdir', path: '/s/objects/a3' }, 'STATE_UNUSABLE', 'ls -ld'],
    [{ code: 'EACCES', syscall: 'open', path: '/s/cache.git/tip' }, 'STATE_UNUSABLE', 'ls -ld /s'],
    [{ code: 'EACCES', syscall: 'mkdtemp', path: '/tmp/x' }, 'STATE_UNUSABLE', 'ls -ld /tmp'],
    [{ code: 'EPERM', syscall: 'rename', path: '/s/x' }, 'STATE_UNUSABLE', 'ls -ld /s'],
    [{ code: 'EACCES', syscall: 'spawn', path: '/s/x' }, 'INTERNAL', ''],
    [{ code: 'ENOENT', syscall: 'open', path: '/s/x' }, 'INTERNAL', ''],
    [{}, 'INTERNAL', ''],
  ])('%j ends a command with %s, wherever it was written', (parts, code, fix) => {
    const known = toKnownError(Object.assign(new Error('it failed'), parts));
    expect(known.code).toBe(code);
    expect(fixLine(known.fix)).toContain(fix);
  });

  it.runIf(process.platform === 'linux')('reports a full disk when it really is one', async () => {
    const path = join(await tempDirectory(), 'full');
    await symlink('/dev/full', path);
    await expect(attempt(path, () => writeFile(path, 'x'))).rejects.toMatchObject({
      message: expect.stringContaining('no space left') as string,
    });
  });
});
