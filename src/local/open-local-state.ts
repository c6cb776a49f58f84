/**
 * Opens this machine's memory of one transport: folder, lock, journal, outbox, late output and
 * checkpoint behind the one door.
 */
import type { OnDamage } from './checked-line.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { removeTemporaries } from './durable-file.ts';
import { openJournal } from './journal.ts';
import { keepLate } from './late.ts';
import type { LocalState } from './local-state.ts';
import { acquireLock, type Locker } from './lock.ts';
import { createOutbox } from './outbox.ts';
import { keepShort } from './short-journal.ts';
import {
  locateStateDirectory,
  makeStateDirectory,
  readInstance,
  type StateDirectory,
  type TransportIdentity,
} from './state-directory.ts';

/** What it takes to open the local state of a transport. */
export interface OpenLocalStateOptions extends Locker {
  /** The folder that holds all state directories (`stateRoot`). */
  readonly root: string;
  readonly transport: TransportIdentity;
  readonly onDamage: OnDamage;
}

/** The door, open and locked. */
export interface OpenLocalState {
  readonly state: LocalState;
  readonly directory: StateDirectory;
  /** Waits for what was asked for, closes the journal and frees the lock. */
  close(): Promise<void>;
}

/**
 * Makes what is missing and takes the lock. Throws HELD_BY_ANOTHER naming the holder, or
 * STATE_UNUSABLE with the fix.
 */
export async function openLocalState(options: OpenLocalStateOptions): Promise<OpenLocalState> {
  const directory = locateStateDirectory(options.root, options.transport);
  await makeStateDirectory(directory);
  const lock = await acquireLock(directory.path, options);
  try {
    for (const path of [directory.path, directory.outbox, directory.late])
      await removeTemporaries(path);
    const instance = await readInstance(directory, options.random);
    const journal = await openJournal(directory.journalFile, options.onDamage);
    return {
      directory,
      state: compose(directory, instance, { journal, onDamage: options.onDamage }),
      close: async () => {
        await journal.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface StateParts {
  readonly journal: Awaited<ReturnType<typeof openJournal>>;
  readonly onDamage: OnDamage;
}

function compose(
  directory: StateDirectory,
  instance: string,
  { journal, onDamage }: StateParts,
): LocalState {
  return {
    instance,
    ...keepShort(journal),
    readJournal: () => Promise.resolve(journal.entries),
    ...createOutbox(directory.outbox, onDamage),
    keepLate: (late) => keepLate(directory.late, late),
    readCheckpoint: () => readCheckpoint(directory.checkpointFile),
    writeCheckpoint: (value) => writeCheckpoint(directory.checkpointFile, value),
    readRests: () => readCheckpoint(directory.restsFile),
    writeRests: (value) => writeCheckpoint(directory.restsFile, value),
  };
}
