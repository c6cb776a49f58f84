import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from '../../src/local/journal.ts';
import type { JournalEntry } from '../../src/local/local-state.ts';
import { dropSettled, keepShort } from '../../src/local/short-journal.ts';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'crosstalk-journal-'));
});
afterEach(() => rmSync(place, { recursive: true }));

const facts = { model: 'opus', effects: 'none', attempt: 1, atMs: 0 } as const;
const life = (nonce: string, ends: boolean): readonly JournalEntry[] => [
  { kind: 'claiming', key: 'k', nonce, claim: 'c' },
  { kind: 'starting', key: 'k', nonce, attemptId: `${nonce}-1-opus`, ...facts },
  { kind: 'started', attemptId: `${nonce}-1-opus`, pgid: 7, startTicks: null },
  ...(ends ? [{ kind: 'settled', key: 'k', nonce, how: 'published' } as const] : []),
];

describe('the journal of a dispatcher that runs for years', () => {
  it('leaves out settled claims with their attempts, and keeps the newest of them and all that are open', () => {
    const entries = [
      ...life('a', true),
      ...life('b', false),
      ...life('c', true),
      ...life('d', true),
    ];
    expect(dropSettled(entries, 1)).toEqual([...life('b', false), ...life('d', true)]);
    expect(dropSettled(entries, 9)).toEqual(entries);
  });

  it('stays short, and the next process still finds what is open', async () => {
    const path = join(place, 'journal');
    const journal = await openJournal(path, () => undefined);
    const short = keepShort(journal);
    const open = life('open', false);
    for (const entry of open) await short.journal(entry);
    for (let from = 0; from < 6_000; from += 500) {
      const lives = Array.from({ length: 500 }, (_, index) =>
        life(`n${from + index}`, true),
      ).flat();
      await Promise.all(lives.map((entry) => short.journal(entry)));
    }
    await journal.close();
    expect(readFileSync(path, 'utf8').split('\n').length).toBeLessThan(4 * 2_600);
    const again = await openJournal(path, (damage) => expect(damage).toBeNull());
    expect(again.entries.slice(0, 3)).toEqual(open);
    expect(again.entries.at(-1)).toMatchObject({ kind: 'settled', nonce: 'n5999' });
    await again.close();
  });
});
