import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { makeObject, type NewObject } from '../../src/transport/loose-objects.ts';
import { writePack } from '../../src/transport/pack-file.ts';

describe.each(['sha1', 'sha256'] as const)('a pack of %s objects written in process', (format) => {
  let gitDir: string;
  const git = (args: readonly string[], input = ''): string =>
    execFileSync('git', [`--git-dir=${gitDir}`, ...args], {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });

  beforeEach(() => {
    gitDir = join(mkdtempSync(join(tmpdir(), 'crosstalk-pack-')), 'cache.git');
    execFileSync('git', [
      'init',
      '--quiet',
      '--bare',
      '--template=',
      `--object-format=${format}`,
      gitDir,
    ]);
  });
  afterEach(() => rmSync(join(gitDir, '..'), { recursive: true, force: true }));

  it('is what git itself would take, at every size of entry header', async () => {
    const sizes = [0, 1, 15, 16, 17, 2_047, 2_048, 2_049, 262_143, 262_144, 300_000];
    const objects = sizes.map((size) => makeObject(format, 'blob', randomBytes(size)));
    await writePack({ gitDir, format, random: systemRandom }, objects);
    const [index] = readdirSync(join(gitDir, 'objects/pack')).filter((name) =>
      name.endsWith('.idx'),
    );
    git(['verify-pack', join(gitDir, 'objects/pack', index ?? '')]);
    const told = git(['cat-file', '--batch-check'], objects.map(({ oid }) => oid).join('\n'));
    expect(told.trim().split('\n')).toEqual(
      objects.map(({ oid, bytes }) => `${oid} blob ${bytes.length}`),
    );
  });

  it('carries trees and commits that fsck finds connected', async () => {
    const blob = makeObject(format, 'blob', Buffer.from('a message\n'));
    const tree = makeObject(
      format,
      'tree',
      Buffer.concat([Buffer.from('100644 a.md\0'), Buffer.from(blob.oid, 'hex')]),
    );
    const who = 'A <a@example.com> 1700000000 +0000';
    const commits: NewObject[] = [];
    for (let n = 0; n < 300; n += 1) {
      const parent = commits.at(-1);
      const text = `tree ${tree.oid}\n${parent === undefined ? '' : `parent ${parent.oid}\n`}author ${who}\ncommitter ${who}\n\nnumber ${n}\n`;
      commits.push(makeObject(format, 'commit', Buffer.from(text)));
    }
    await writePack({ gitDir, format, random: systemRandom }, [blob, tree, ...commits]);
    git(['update-ref', 'refs/heads/main', commits.at(-1)?.oid ?? '']);
    git(['fsck', '--full', '--strict']);
    expect(git(['rev-list', '--count', '--objects', 'refs/heads/main']).trim()).toBe('302');
  });
});
