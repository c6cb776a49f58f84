import { appendFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatCheckedLine, type Damage } from '../../src/local/checked-line.ts';
import { openJournal, parseJournal } from '../../src/local/journal.ts';
import type { JournalEntry } from '../../src/local/local-state.ts';
import { buildSources, startChild, tempDirectory } from './run-child.ts';

let built: string;
beforeAll(async () => {
  built = await buildSources('local/journal.ts');
});
afterAll(() => rm(built, { recursive: true, force: true }));

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('line\nline', '\u2028', '💥', ''),
);
const claim = { key: text, nonce: text };
const facts = {
  model: text,
  effects: fc.constantFrom('none' as const, 'external' as const),
  attempt: fc.nat(),
  atMs: fc.nat(),
};
const anyEntry: fc.Arbitrary<JournalEntry> = fc.oneof(
  fc.record({ kind: fc.constant('claiming' as const), claim: text, ...claim }),
  fc.record({ kind: fc.constant('starting' as const), attemptId: text, ...facts, ...claim }),
  fc.record({
    kind: fc.constant('used' as const),
    attemptId: text,
    usd: fc.nat(),
    tokens: fc.nat(),
  }),
  fc.record({
    kind: fc.constant('started' as const),
    attemptId: text,
    pgid: fc.nat(),
    startTicks: fc.option(text),
  }),
  fc.record({
    kind: fc.constant('settled' as const),
    how: fc.constantFrom('published' as const, 'lost' as const),
    ...claim,
  }),
);

function settled(key: string): JournalEntry {
  return { kind: 'settled', key, nonce: 'n', how: 'published' };
}

function noDamage(damage: Damage): void {
  throw new Error(`unexpected damage: ${JSON.stringify(damage)}`);
}

async function readBack(path: string, damages: Damage[] = []): Promise<readonly JournalEntry[]> {
  const journal = await openJournal(path, (damage) => damages.push(damage));
  await journal.close();
  return journal.entries;
}

describe('the journal', () => {
  it('gives back what was appended, in order, whatever the texts hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEntry, { maxLength: 8 }), async (entries) => {
        const path = join(await directory(), 'journal');
        await rm(path, { force: true });
        const journal = await openJournal(path, noDamage);
        await Promise.all(entries.map((entry) => journal.append(entry)));
        await journal.close();
        expect(await readBack(path)).toEqual(JSON.parse(JSON.stringify(entries)));
      }),
      { numRuns: 40 },
    );
  });

  it('cut at any byte gives the whole lines before the cut and reports nothing', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { minLength: 1, maxLength: 4 }), (entries) => {
        const lines = entries.map((entry) => `${formatCheckedLine(entry)}\n`);
        const bytes = Buffer.from(lines.join(''));
        const ends = lines.map((_, index) => Buffer.byteLength(lines.slice(0, index + 1).join('')));
        for (let cut = 0; cut <= bytes.length; cut += 1) {
          const kept = parseJournal(bytes.subarray(0, cut).toString('utf8'), (line, why) =>
            noDamage({ path: '', line, why }),
          );
          expect(kept).toHaveLength(ends.filter((end) => end <= cut).length);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('opened after a tear at any byte continues as if the torn line had never been', async () => {
    const path = join(await tempDirectory(), 'journal');
    const whole = Buffer.from(
      [settled('a'), settled('ä')].map((entry) => `${formatCheckedLine(entry)}\n`).join(''),
    );
    for (let cut = 0; cut <= whole.length; cut += 1) {
      await writeFile(path, whole.subarray(0, cut));
      const journal = await openJournal(path, noDamage);
      await journal.append(settled('after'));
      await journal.close();
      expect(await readBack(path)).toEqual([...journal.entries, settled('after')]);
    }
  });

  it('reports a damaged line before the end, skips it and keeps the others', async () => {
    const path = join(await tempDirectory(), 'journal');
    const lines = [settled('a'), settled('b'), settled('c')].map(formatCheckedLine);
    await writeFile(
      path,
      `${lines[0]!}\n${lines[1]!.replace('published', 'publishes')}\n${formatCheckedLine({ kind: 'new' })}\n\xff\n${lines[2]!}\n`,
    );
    const damages: Damage[] = [];
    expect(await readBack(path, damages)).toEqual([settled('a'), settled('c')]);
    expect(damages.map(({ line }) => line)).toEqual([2, 3, 4]);
    expect(damages[0]?.path).toBe(path);
  });

  it('compacted holds the given entries and what was appended after the call, nothing from before', async () => {
    const path = join(await tempDirectory(), 'journal');
    const journal = await openJournal(path, noDamage);
    const work = [
      journal.append(settled('old')),
      journal.compact([settled('kept')]),
      journal.append(settled('new 1')),
      journal.append(settled('new 2')),
    ];
    await Promise.all(work);
    await journal.append(settled('new 3'));
    await journal.close();
    expect(await readBack(path)).toEqual(['kept', 'new 1', 'new 2', 'new 3'].map(settled));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('whose compaction failed says where and continues with the file that has the name', async () => {
    const path = join(await tempDirectory(), 'journal');
    const journal = await openJournal(path, noDamage);
    await journal.append(settled('a'));
    await rm(path);
    await mkdir(join(path, 'in-the-way'), { recursive: true });
    await expect(journal.compact([settled('b')])).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining(path) as string,
    });
    await expect(journal.append(settled('c'))).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    await rm(path, { recursive: true });
    await journal.append(settled('d'));
    await journal.close();
    expect(await readBack(path)).toEqual([settled('d')]);
  });

  it.runIf(process.platform === 'linux')(
    'on a full disk refuses with the reason and resolves nothing',
    async () => {
      const path = join(await tempDirectory(), 'journal');
      const child = startChild(built, {
        args: [path],
        code: `const { openJournal } = await load('local/journal.js');
        const { execFileSync } = await import('node:child_process');
        const journal = await openJournal(args[0], () => {});
        const entry = (key) => ({ kind: 'settled', key, nonce: 'n', how: 'x' });
        await journal.append(entry('before'));
        process.on('SIGXFSZ', () => {});
        execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=300']);
        const refused = await journal.append(entry('x'.repeat(1000))).catch((error) => error);
        await say(refused === undefined ? 'resolved' : refused.code);
        await journal.append(entry('after'));
        await journal.close();`,
      });
      const refused = await child.nextLine();
      const { errors } = await child.ended();
      if (errors.includes('ENOENT') && errors.includes('prlimit')) return;
      expect(errors).toBe('');
      expect(refused).toBe('STATE_UNUSABLE');
      expect((await readBack(path)).map((entry) => ('key' in entry ? entry.key : ''))).toEqual([
        'before',
        'after',
      ]);
    },
  );

  it("takes nothing after it was closed: the lock may be somebody else's", async () => {
    const path = join(await tempDirectory(), 'journal');
    const journal = await openJournal(path, noDamage);
    const before = journal.append(settled('before'));
    const closing = journal.close();
    const after = journal.append(settled('after'));
    await expect(after).rejects.toMatchObject({ code: 'INTERNAL' });
    await Promise.all([before, closing]);
    expect(await readBack(path)).toEqual([settled('before')]);
  });

  it('shares one sync between appends that come together', async () => {
    const path = join(await tempDirectory(), 'journal');
    const journal = await openJournal(path, noDamage);
    await Promise.all(
      Array.from({ length: 2_000 }, (_, index) => journal.append(settled(String(index)))),
    );
    await journal.close();
    expect((await readBack(path)).map((entry) => ('key' in entry ? entry.key : ''))).toEqual(
      Array.from({ length: 2_000 }, (_, index) => String(index)),
    );
  });

  it('of a process killed in the middle has every entry it was promised, in order, and no damage', async () => {
    const path = join(await tempDirectory(), 'journal');
    for (let round = 0; round < 8; round += 1) {
      const first = (await readBack(path)).length;
      const child = startChild(built, { args: [path, String(first)], code: WRITER });
      let promised = first - 1;
      for (let line = 0; line < 5 + round * 3; line += 1) promised = Number(await child.nextLine());
      await child.kill();
      const journal = await openJournal(path, noDamage);
      await journal.close();
      const keys = journal.entries.map((entry) => ('key' in entry ? Number(entry.key) : -1));
      expect(keys).toEqual(keys.map((_, index) => index));
      expect(keys.length).toBeGreaterThan(promised);
    }
  });

  it('of a process killed while it compacts is the old one or the new one', async () => {
    const path = join(await tempDirectory(), 'journal');
    let promised = -1;
    for (let round = 0; round < 8; round += 1) {
      const child = startChild(built, { args: [path, String(promised + 1)], code: COMPACTER });
      for (let line = 0; line < 4 + round * 3; line += 1) promised = Number(await child.nextLine());
      await child.kill();
      const journal = await openJournal(path, noDamage);
      await journal.close();
      const last = journal.entries.at(-1);
      expect(last !== undefined && 'key' in last ? Number(last.key) : -1).toBeGreaterThanOrEqual(
        promised,
      );
      promised = last !== undefined && 'key' in last ? Number(last.key) : -1;
    }
  });
});

const WRITER = `
  const { openJournal } = await load('local/journal.js');
  const journal = await openJournal(args[0], () => {});
  for (let n = Number(args[1]); ; n += 3) {
    await Promise.all([n, n + 1, n + 2].map((key) =>
      journal.append({ kind: 'settled', key: String(key), nonce: 'n', how: 'x'.repeat(3000) })));
    await say(String(n + 2));
  }`;

const COMPACTER = `
  const { openJournal } = await load('local/journal.js');
  const journal = await openJournal(args[0], () => {});
  const entry = (n) => ({ kind: 'settled', key: String(n), nonce: 'n', how: 'x'.repeat(3000) });
  for (let n = Number(args[1]); ; n += 1) {
    await journal.append(entry(n));
    await say(String(n));
    if (n % 3 === 0) await journal.compact([entry(n)]);
  }`;

let shared: string | null = null;
async function directory(): Promise<string> {
  shared ??= await tempDirectory();
  return shared;
}

it('reads back the bytes it wrote', async () => {
  const path = join(await tempDirectory(), 'journal');
  const journal = await openJournal(path, noDamage);
  await journal.append(settled('a'));
  await journal.close();
  await appendFile(path, 'torn');
  expect(await readBack(path)).toEqual([settled('a')]);
  expect(await readFile(path, 'utf8')).toBe(`${formatCheckedLine(settled('a'))}\n`);
});
