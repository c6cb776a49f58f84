import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint, writeCheckpoint } from '../../src/local/checkpoint.ts';
import type { Damage } from '../../src/local/checked-line.ts';
import { keepLate, listLate } from '../../src/local/late.ts';
import { createOutbox } from '../../src/local/outbox.ts';
import { buildSources, startChild, tempDirectory } from './run-child.ts';

let built: string;
beforeAll(async () => {
  built = await buildSources('local/outbox.ts');
});
afterAll(() => rm(built, { recursive: true, force: true }));

const item = { key: 'k'.repeat(32), nonce: 'n', claim: 'c', payload: 'x' };

describe('the outbox', () => {
  it('of a process killed in the middle holds whole answers, every promised one among them', async () => {
    const directory = await tempDirectory();
    const damages: Damage[] = [];
    const outbox = createOutbox(directory, (damage) => damages.push(damage));
    for (let round = 0; round < 8; round += 1) {
      const child = startChild(built, {
        args: [directory, String(round)],
        code: `const { createOutbox } = await load('local/outbox.js');
          const outbox = createOutbox(args[0], () => {});
          for (let n = 0; ; n += 1) {
            await outbox.putOutbox({ key: 'r' + args[1], nonce: String(n), claim: 'c', payload: 'x'.repeat(100000) });
            await say(String(n));
          }`,
      });
      let promised = -1;
      for (let line = 0; line <= round; line += 1) promised = Number(await child.nextLine());
      await child.kill();
      const items = (await outbox.listOutbox()).filter(({ key }) => key === `r${round}`);
      expect(items.length).toBeGreaterThan(promised);
      expect(items.every(({ payload }) => payload === 'x'.repeat(100_000))).toBe(true);
    }
    expect(damages).toEqual([]);
  });

  it('reports a damaged file, keeps it and lists the others', async () => {
    const directory = await tempDirectory();
    const damages: Damage[] = [];
    const outbox = createOutbox(directory, (damage) => damages.push(damage));
    await outbox.putOutbox(item);
    await outbox.putOutbox({ ...item, nonce: 'm' });
    await truncate(join(directory, `${item.key}.m.json`), 40);
    expect(await outbox.listOutbox()).toEqual([item]);
    expect(damages).toMatchObject([{ path: join(directory, `${item.key}.m.json`), line: null }]);
    expect(await readdir(directory)).toHaveLength(2);
  });
});

describe('late output', () => {
  const of = { message: 'm.md', recipient: 'opus', attempt: 2, form: 'answer', atMs: 5 } as const;
  const output = (attemptId: string, text = 'text') => ({
    key: 'k',
    attemptId,
    reason: 'r',
    text,
    of,
  });

  it('keeps the newest files', async () => {
    const directory = await tempDirectory();
    for (const id of ['1', '2', '3', '4', '5'])
      await keepLate(directory, output(id), { filesMax: 3, bytesMax: 1e6 });
    expect((await listLate(directory)).map(({ attemptId }) => attemptId)).toEqual(['3', '4', '5']);
  });

  it('keeps the newest bytes, and the last one however big it is', async () => {
    const directory = await tempDirectory();
    const limits = { filesMax: 100, bytesMax: 1_000 };
    for (const id of ['1', '2', '3', '4'])
      await keepLate(directory, output(id, 'x'.repeat(300)), limits);
    expect((await listLate(directory)).map(({ attemptId }) => attemptId)).toEqual(['3', '4']);
    await keepLate(directory, output('5', 'x'.repeat(5_000)), limits);
    expect((await listLate(directory)).map(({ attemptId }) => attemptId)).toEqual(['5']);
  });

  it('is a text that a person can read, and other files beside it are left alone', async () => {
    const directory = await tempDirectory();
    await writeFile(join(directory, 'note.txt'), 'mine');
    await writeFile(join(directory, '000000007-odd.txt'), 'no head');
    await keepLate(directory, output('../x', 'the answer\n'));
    const names = await readdir(directory);
    expect(names).toHaveLength(3);
    const name = names.find((each) => each.startsWith('000000008-'))!;
    expect(await readFile(join(directory, name), 'utf8')).toBe(
      `{"key":"k","attemptId":"../x","reason":"r","of":${JSON.stringify(of)}}\n\nthe answer\n`,
    );
    await writeFile(
      join(directory, '000000009-older.txt'),
      '{"key":"k","attemptId":"y","reason":"r"}\n\nof an older version',
    );
    expect((await listLate(directory)).map((late) => late.of)).toEqual([of, null]);
    expect(await listLate(join(directory, 'absent'))).toEqual([]);
  });
});

describe('the checkpoint', () => {
  it('cut at any byte or changed is none', async () => {
    const path = join(await tempDirectory(), 'checkpoint');
    await writeCheckpoint(path, { tip: 'abc' });
    const whole = await readFile(path);
    for (let cut = 0; cut < whole.length - 1; cut += 1) {
      await writeFile(path, whole.subarray(0, cut));
      expect(await readCheckpoint(path)).toBeNull();
    }
    await writeFile(path, whole.toString().replace('abc', 'abd'));
    expect(await readCheckpoint(path)).toBeNull();
  });

  it('that cannot be read is none', async () => {
    const path = join(await tempDirectory(), 'checkpoint');
    await mkdir(path);
    expect(await readCheckpoint(path)).toBeNull();
  });
});
