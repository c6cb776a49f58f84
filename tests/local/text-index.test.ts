import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type IndexedText, openTextIndex } from '../../src/local/text-index.ts';

const place = mkdtempSync(join(tmpdir(), 'crosstalk-texts-'));
const file = join(place, 'texts');
afterAll(() => rmSync(place, { recursive: true, force: true }));

const said = (path: string, text: string, re: readonly string[] = []): IndexedText => ({
  path,
  blob: 'b'.repeat(40),
  atMs: 7,
  re,
  text,
});
const gone = (path: string): IndexedText => ({ path, blob: '', atMs: 0, re: [], text: '' });
const open = (version = '1') => openTextIndex<number>(file, version);
const each = async function* (records: readonly IndexedText[]): AsyncGenerator<IndexedText> {
  yield* await Promise.resolve(records);
};
const pathsWith = async (text: string): Promise<readonly string[]> =>
  (await open()).find(text).map(({ path }) => path);

it('what was added is found in another process, what was taken back is not', async () => {
  rmSync(file, { force: true });
  await (await open()).extend(each([said('a.md', 'one'), said('b.md', 'one two', ['a.md'])]), 1);
  const next = await open();
  expect(next.covered()).toBe(1);
  await next.extend(each([gone('a.md'), gone('b.md'), said('b.md', 'three one', ['x.md'])]), 2);
  expect(next.find('one')).toMatchObject([{ path: 'b.md', blob: 'b'.repeat(40), atMs: 7 }]);
  expect(await pathsWith('one')).toEqual(['b.md']);
  expect(await pathsWith('two')).toEqual([]);
  expect([...(await open()).links()]).toEqual([['b.md', ['x.md']]]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect((await open('2')).covered()).toBe(null);
});

it('a text is found in texts alone, whatever bytes are in them', async () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '\0', '\x01', '\x02', '!', '.', '\n', 'é'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 6 }), text, async (texts, wanted) => {
      rmSync(file, { force: true });
      const records = texts.map((one, at) => said(`ab/${at}.md`, one, at % 2 === 0 ? ['a!'] : []));
      await (await open()).extend(each(records), 1);
      const clean = (one: string): string => one.replace(/[\0\x01\x02]/g, ' ');
      const expected = records.filter((one) => clean(one.text).includes(clean(wanted)));
      expect(await pathsWith(wanted)).toEqual(expected.map(({ path }) => path));
    }),
    { numRuns: 60 },
  );
});

it('cut off or damaged anywhere it is empty or as it was, and never says what is not so', async () => {
  rmSync(file, { force: true });
  await (await open()).extend(each([said('a.md', 'one')]), 1);
  await (await open()).extend(each([gone('a.md'), said('c.md', 'two')]), 2);
  const whole = readFileSync(file);
  const states = new Set<number | null>();
  for (let at = 0; at < whole.length; at += 1) {
    for (const bytes of [whole.subarray(0, at), Buffer.from(whole).fill(0xff, at, at + 1)]) {
      writeFileSync(file, bytes);
      const index = await open();
      states.add(index.covered());
      const found = ((): unknown => {
        try {
          return index.find('o').map(({ path }) => path);
        } catch {
          return 'damaged';
        }
      })();
      const isRight = index.covered() === null ? [] : index.covered() === 1 ? ['a.md'] : ['c.md'];
      if (found !== 'damaged') expect(found).toEqual(isRight);
    }
  }
  expect(states).toEqual(new Set([null, 1, 2]));
});

it('one that has grown to many times what it was is made again', async () => {
  rmSync(file, { force: true });
  const grow = (): ReturnType<typeof open> => openTextIndex(file, '1', 500);
  await (await grow()).extend(each([said('a.md', 'one')]), 1);
  const next = await grow();
  await next.extend(each([said('b.md', `one ${randomBytes(2_000).toString('base64')}`)]), 2);
  expect(next.find('one ').map(({ path }) => path)).toEqual(['b.md']);
  expect((await grow()).covered()).toBe(null);
});
