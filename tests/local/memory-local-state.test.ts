import { expect, it } from 'vitest';
import {
  copyMemoryDisk,
  createMemoryDisk,
  openMemoryLocalState,
  restoreMemoryDisk,
} from '../support/memory-local-state.ts';

const settled = { kind: 'settled', key: 'k', nonce: 'n', how: 'lost' } as const;

function crashAt(name: string, phase: string) {
  return (step: string, at: 'before' | 'after'): Promise<void> =>
    step === name && at === phase ? Promise.reject(new Error('crash')) : Promise.resolve();
}

it('a crash before an effect leaves it undone, one after it leaves it done', async () => {
  for (const [phase, expected] of [
    ['before', []],
    ['after', [settled]],
  ] as const) {
    const disk = createMemoryDisk();
    const state = openMemoryLocalState(disk, { instance: 'i', step: crashAt('journal', phase) });
    await expect(state.journal(settled)).rejects.toThrow('crash');
    expect(await openMemoryLocalState(disk, { instance: 'i' }).readJournal()).toEqual(expected);
  }
});

it('an older copy of the disk can be put back, and later writes do not reach the copy', async () => {
  const disk = createMemoryDisk();
  const state = openMemoryLocalState(disk, { instance: 'i' });
  await state.putOutbox({ key: 'k', nonce: 'n', claim: 'c', payload: 1 });
  const copy = copyMemoryDisk(disk);
  await state.removeOutbox({ key: 'k', nonce: 'n' });
  await state.journal(settled);
  restoreMemoryDisk(disk, copy);
  const restored = openMemoryLocalState(disk, { instance: 'i' });
  expect(await restored.listOutbox()).toHaveLength(1);
  expect(await restored.readJournal()).toEqual([]);
});
