import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, HOUR, systemClock } from '../../src/base/clock.ts';
import { createSessionFolders, SESSION_FOLDER_LIMITS } from '../../src/local/session-folders.ts';

let place: string;
let root: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'session-folders-'));
  root = join(place, 'sessions');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const later = (ms: number): Clock => ({ ...systemClock, wallMs: () => Date.now() + ms });
const small = { ...SESSION_FOLDER_LIMITS, bytesMax: 10_000, entriesMax: 20 };

describe('folders of sessions', () => {
  it('are one for each model and stay with what is in them', async () => {
    const folders = createSessionFolders(root, systemClock);
    const first = await folders.open('opus');
    writeFileSync(join(first.directory, 'note'), 'x');
    first.close();
    const [again, other] = [await folders.open('opus'), await folders.open('pro')];
    expect(again.directory).toBe(first.directory);
    expect(other.directory).not.toBe(first.directory);
    await folders.tidy();
    expect(readdirSync(again.directory)).toEqual(['note']);
  });

  it('go when no attempt has used them for a month, counted from the last use', async () => {
    await createSessionFolders(root, systemClock).open('unused');
    await createSessionFolders(root, later(-29 * 24 * HOUR)).open('lately');
    await createSessionFolders(root, later(20 * 24 * HOUR)).open('used');
    await createSessionFolders(root, later(31 * 24 * HOUR)).tidy();
    expect(readdirSync(root)).toEqual(['used']);
  });

  it('are emptied when they hold too much, but never under an attempt that runs there', async () => {
    const folders = createSessionFolders(root, systemClock, small);
    const [first, second] = [await folders.open('opus'), await folders.open('opus')];
    mkdirSync(join(first.directory, 'deep', 'deeper'), { recursive: true });
    writeFileSync(join(first.directory, 'deep', 'deeper', 'much'), 'x'.repeat(10_001));
    second.close();
    (await folders.open('opus')).close();
    expect(existsSync(join(first.directory, 'deep'))).toBe(true);
    first.close();
    expect(readdirSync((await folders.open('opus')).directory)).toEqual([]);
  });

  it('with too much or too many files in them go at the start; what links lead to counts for nothing and stays', async () => {
    const folders = createSessionFolders(root, systemClock, small);
    const [many, linked] = [await folders.open('many'), await folders.open('linked')];
    for (let index = 0; index < 21; index += 1)
      writeFileSync(join(many.directory, String(index)), '');
    writeFileSync(join(place, 'large'), 'x'.repeat(50_000));
    symlinkSync(place, join(linked.directory, 'link'));
    await createSessionFolders(root, systemClock, small).tidy();
    expect(readdirSync(root)).toEqual(['linked']);
    utimesSync(linked.directory, 0, 0);
    await createSessionFolders(root, systemClock, small).tidy();
    expect([readdirSync(root), existsSync(join(place, 'large'))]).toEqual([[], true]);
  });

  it('cannot be opened where a file stands, and there is nothing to tidy where nothing is', async () => {
    writeFileSync(root, '');
    const folders = createSessionFolders(root, systemClock);
    await expect(folders.open('opus')).rejects.toThrow(/ENOTDIR|EEXIST/);
    await folders.tidy();
    await createSessionFolders(join(place, 'none'), systemClock).tidy();
  });
});
