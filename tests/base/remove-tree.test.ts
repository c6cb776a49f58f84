import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeTree } from '../../src/base/remove-tree.ts';

const place = (): string => mkdtempSync(join(tmpdir(), 'remove-'));

/** How an agent may leave its folder. */
const LEFT: Readonly<Record<string, (folder: string) => void>> = {
  'folders without rights': (folder) => {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/b/c'), 'x');
    execFileSync('chmod', ['-R', 'a-rwx', join(folder, 'a')]);
  },
  'a folder deeper than a path may be long': (folder) => {
    const script = `for (let i = 0; i < 200; i += 1) {
      require('fs').mkdirSync('${'d'.repeat(50)}');
      process.chdir('${'d'.repeat(50)}');
    }`;
    execFileSync(process.execPath, ['-e', script], { cwd: folder });
  },
  'names that are not text': (folder) => {
    const script = `mkdir "$(printf 'a\\377\\nb')"; : > "$(printf 'a\\377\\nb/\\001')"; : > ./-rf`;
    execFileSync('sh', ['-c', script], { cwd: folder });
  },
  'links and pipes': (folder) => {
    symlinkSync('/', join(folder, 'root'));
    symlinkSync('nowhere', join(folder, 'broken'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
  },
  'very many files': (folder) => {
    execFileSync('sh', ['-c', 'seq 3000 | xargs touch'], { cwd: folder });
  },
};

test.each(Object.entries(LEFT))('a folder with %s is removed', async (_, fill) => {
  const folder = place();
  fill(folder);
  await removeTree(folder);
  expect(existsSync(folder)).toBe(false);
});

test('what a link points to stays, and nothing there is fine', async () => {
  const [folder, other] = [place(), place()];
  writeFileSync(join(other, 'kept'), '');
  symlinkSync(other, join(folder, 'link'));
  await removeTree(folder);
  await removeTree(folder);
  expect(existsSync(join(other, 'kept'))).toBe(true);
  await removeTree(other);
});
