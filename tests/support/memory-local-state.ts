/**
 * The local state in memory, for simulations. What a disk would hold is its own value, so a
 * test can crash a host (open the same disk again), lose its state (a new disk) or restore an older
 * copy of it.
 */
import { by } from '../../src/base/order.ts';
import type {
  JournalEntry,
  LateOutput,
  LocalState,
  OutboxItem,
} from '../../src/local/local-state.ts';

/**
 * Called around each effect: a crash thrown `before` leaves it undone, one thrown `after` leaves it
 * done.
 */
export type Step = (name: string, phase: 'before' | 'after') => Promise<void>;

/** What survives a crash. Everything is JSON text, so nothing is shared with the living. */
export interface MemoryDisk {
  journal: readonly string[];
  outbox: ReadonlyMap<string, string>;
  late: readonly string[];
  checkpoint: string | null;
  rests: string | null;
}

/** An empty disk. */
export function createMemoryDisk(): MemoryDisk {
  return { journal: [], outbox: new Map(), late: [], checkpoint: null, rests: null };
}

/** A copy that later writes do not reach. */
export function copyMemoryDisk(disk: MemoryDisk): MemoryDisk {
  return { ...disk };
}

/** Puts an older copy back in place, under anyone who has the disk open. */
export function restoreMemoryDisk(disk: MemoryDisk, copy: MemoryDisk): void {
  Object.assign(disk, copyMemoryDisk(copy));
}

/** The late output on a disk, oldest first. */
export function lateOutputs(disk: MemoryDisk): readonly LateOutput[] {
  return disk.late.map((text) => JSON.parse(text) as LateOutput);
}

/**
 * Opens a disk as one process would. `instance` names the boot: give another one after a restart of
 * the machine.
 */
export function openMemoryLocalState(
  disk: MemoryDisk,
  options: { readonly instance: string; readonly step?: Step },
): LocalState {
  const step: Step = options.step ?? (() => Promise.resolve());
  const effect = async <T>(name: string, work: () => T): Promise<T> => {
    await step(name, 'before');
    const done = work();
    await step(name, 'after');
    return done;
  };
  const atOpen = disk.journal;
  return {
    instance: options.instance,
    journal: (entry) => {
      const line = JSON.stringify(entry);
      return effect('journal', () => void (disk.journal = [...disk.journal, line]));
    },
    readJournal: () =>
      effect('readJournal', () => atOpen.map((line) => JSON.parse(line) as JournalEntry)),
    compactJournal: (entries) => {
      const lines = entries.map((entry) => JSON.stringify(entry));
      return effect('compactJournal', () => void (disk.journal = lines));
    },
    putOutbox: (item) => {
      const text = JSON.stringify(item);
      return effect(
        'putOutbox',
        () => void (disk.outbox = new Map([...disk.outbox, [nameOf(item), text]])),
      );
    },
    listOutbox: () =>
      effect('listOutbox', () =>
        [...disk.outbox.values()].map((text) => JSON.parse(text) as OutboxItem).sort(by(nameOf)),
      ),
    removeOutbox: (item) =>
      effect(
        'removeOutbox',
        () =>
          void (disk.outbox = new Map([...disk.outbox].filter(([name]) => name !== nameOf(item)))),
      ),
    keepLate: (late) => {
      const text = JSON.stringify(late);
      return effect('keepLate', () => void (disk.late = [...withoutAttempt(disk, late), text]));
    },
    readCheckpoint: () =>
      effect('readCheckpoint', () =>
        disk.checkpoint === null ? null : (JSON.parse(disk.checkpoint) as unknown),
      ),
    writeCheckpoint: (value) => {
      const text = JSON.stringify(value);
      return effect('writeCheckpoint', () => void (disk.checkpoint = text));
    },
    readRests: () =>
      effect('readRests', () => (disk.rests === null ? null : (JSON.parse(disk.rests) as unknown))),
    writeRests: (value) => {
      const text = JSON.stringify(value);
      return effect('writeRests', () => void (disk.rests = text));
    },
  };
}

function nameOf(item: { readonly key: string; readonly nonce: string }): string {
  return `${item.key} ${item.nonce}`;
}

function withoutAttempt(disk: MemoryDisk, late: LateOutput): readonly string[] {
  return disk.late.filter((text) => {
    const kept = JSON.parse(text) as LateOutput;
    return kept.key !== late.key || kept.attemptId !== late.attemptId;
  });
}
