/** The promises of the local state, kept by the one on disk and by the one of the simulation. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { listLate } from '../../src/local/late.ts';
import type { JournalEntry, LateOutput, LocalState } from '../../src/local/local-state.ts';
import { openLocalState } from '../../src/local/open-local-state.ts';
import {
  createMemoryDisk,
  lateOutputs,
  openMemoryLocalState,
} from '../support/memory-local-state.ts';
import { tempDirectory } from './run-child.ts';

/** A process that has the state open. */
interface Opened {
  readonly state: LocalState;
  readonly late: () => Promise<readonly LateOutput[]>;
  readonly close: () => Promise<void>;
}
/** Opens the same state again and again, as one process after another would. */
type Open = () => Promise<Opened>;

async function onDisk(): Promise<Open> {
  const root = await tempDirectory();
  return async () => {
    const opened = await openLocalState({
      root: join(root, 'state'),
      transport: { remoteUrl: '/srv/mail.git', rootCommit: 'a'.repeat(40) },
      alias: 'mbp',
      clock: systemClock,
      random: systemRandom,
      onDamage: (damage) => {
        throw new Error(JSON.stringify(damage));
      },
    });
    const late = async () =>
      (await listLate(opened.directory.late)).map(({ key, attemptId, reason, text, of }) => ({
        key,
        attemptId,
        reason,
        text,
        of,
      }));
    return { state: opened.state, late, close: () => opened.close() };
  };
}

function inMemory(): Promise<Open> {
  const disk = createMemoryDisk();
  return Promise.resolve(() =>
    Promise.resolve({
      state: openMemoryLocalState(disk, { instance: '0123456789ab' }),
      late: () => Promise.resolve(lateOutputs(disk)),
      close: () => Promise.resolve(),
    }),
  );
}

const claim = { key: 'k'.repeat(32), nonce: 'n1' };
const entries: readonly JournalEntry[] = [
  { kind: 'claiming', claim: 'c'.repeat(40), ...claim },
  {
    kind: 'starting',
    attemptId: 'a1',
    model: 'opus',
    effects: 'none',
    attempt: 1,
    atMs: 7,
    ...claim,
  },
  { kind: 'used', attemptId: 'a1', usd: 0.25, tokens: 900 },
  { kind: 'started', attemptId: 'a1', pgid: 4711, startTicks: '99' },
  { kind: 'started', attemptId: 'a2', pgid: 4712, startTicks: null },
  { kind: 'settled', how: 'published', ...claim },
];
const item = {
  ...claim,
  claim: 'c'.repeat(40),
  payload: { text: 'done\n---\n💥', cost: null, list: [1, 2] },
};

describe.each([
  ['on disk', onDisk],
  ['in memory', inMemory],
] as const)('local state %s', (_name, create) => {
  it('has an instance of 12 hex that stays while nothing moves', async () => {
    const open = await create();
    const first = await open();
    expect(first.state.instance).toMatch(/^[0-9a-f]{12}$/);
    await first.close();
    const second = await open();
    expect(second.state.instance).toBe(first.state.instance);
    await second.close();
  });

  it('gives the next process every journalled entry, oldest first', async () => {
    const open = await create();
    const first = await open();
    for (const entry of entries) await first.state.journal(entry);
    await first.close();
    const second = await open();
    expect(await second.state.readJournal()).toEqual(entries);
    await second.close();
  });

  it('reads the journal as it was at the start, whatever was appended or compacted since', async () => {
    const open = await create();
    const first = await open();
    await first.state.journal(entries[0]!);
    expect(await first.state.readJournal()).toEqual([]);
    await first.close();
    const second = await open();
    await second.state.journal(entries[1]!);
    await second.state.compactJournal([]);
    expect(await second.state.readJournal()).toEqual([entries[0]]);
    await second.close();
  });

  it('compacts to exactly what it was given, then appends behind it', async () => {
    const open = await create();
    const first = await open();
    for (const entry of entries) await first.state.journal(entry);
    await first.state.compactJournal([entries[3]!]);
    await first.state.journal(entries[4]!);
    await first.close();
    const second = await open();
    expect(await second.state.readJournal()).toEqual([entries[3], entries[4]]);
    await second.close();
  });

  it('keeps a finished answer until it is removed, by key and nonce', async () => {
    const open = await create();
    const first = await open();
    await first.state.putOutbox({ ...item, nonce: 'n2' });
    await first.state.putOutbox(item);
    await first.close();
    const second = await open();
    expect(await second.state.listOutbox()).toEqual([item, { ...item, nonce: 'n2' }]);
    await second.state.removeOutbox(claim);
    await second.state.removeOutbox(claim);
    expect(await second.state.listOutbox()).toEqual([{ ...item, nonce: 'n2' }]);
    await second.close();
  });

  it('replaces an answer that is put again and takes names that are not file names', async () => {
    const open = await create();
    const { state, close } = await open();
    const odd = { ...item, key: '../../etc', nonce: 'a/b\0c' };
    await state.putOutbox(odd);
    await state.putOutbox({ ...odd, payload: 'second' });
    expect(await state.listOutbox()).toEqual([{ ...odd, payload: 'second' }]);
    await state.removeOutbox(odd);
    expect(await state.listOutbox()).toEqual([]);
    await close();
  });

  it('does not share what it was given: a later change of the value is not seen', async () => {
    const open = await create();
    const { state, close } = await open();
    const payload = { text: 'as put' };
    await state.putOutbox({ ...item, payload });
    payload.text = 'changed';
    expect(await state.listOutbox()).toEqual([{ ...item, payload: { text: 'as put' } }]);
    await close();
  });

  it('keeps late output once for each attempt, oldest first', async () => {
    const open = await create();
    const { state, late, close } = await open();
    const outputs = ['a1', 'a2', 'a3'].map((attemptId) => ({
      key: claim.key,
      attemptId,
      reason: 'claim lost',
      text: `text of\n\n${attemptId}`,
      of: { message: 'm.md', recipient: 'opus', attempt: 1, form: 'part' as const, atMs: 7 },
    }));
    for (const output of outputs) await state.keepLate(output);
    await state.keepLate(outputs[2]!);
    expect(await late()).toEqual(outputs);
    await close();
  });

  it('gives back the last checkpoint, null before the first', async () => {
    const open = await create();
    const first = await open();
    expect(await first.state.readCheckpoint()).toBeNull();
    await first.state.writeCheckpoint({ tip: 'a' });
    await first.state.writeCheckpoint({ tip: 'b', open: ['m1'] });
    await first.close();
    const second = await open();
    expect(await second.state.readCheckpoint()).toEqual({ tip: 'b', open: ['m1'] });
    await second.close();
  });
});
