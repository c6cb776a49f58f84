/**
 * Assembles a dispatcher. Its pushes are counted and carry its beat, and its records are signed.
 */
import type { Repository } from '../transport/repository.ts';
import { carryBeat } from './carry-beat.ts';
import type { Dispatcher } from './dispatcher.ts';
import { refsAfter, seePushes } from './see-pushes.ts';
import { createState } from './state.ts';

/** A dispatcher that has not looked at anything yet. */
export function createDispatcher(parts: Omit<Dispatcher, 'state' | 'run'>): Dispatcher {
  const bare = { ...parts, run: parts.doors.random.hex(8), state: createState() };
  const { state } = bare;
  const repository = seePushes(parts.doors.repository, (landed) => {
    const moved = landed.filter(({ ref }) => ref !== parts.publisher.branchRef);
    state.refs = refsAfter(state.refs, moved);
    state.listed = refsAfter(state.listed, moved);
  });
  const push: Repository['push'] = carryBeat(bare, (...asked) => repository.push(...asked));
  const { sign } = parts.publisher;
  const writeRecord: Repository['writeRecord'] = (text) => repository.writeRecord(text, sign);
  const carrying = { ...repository, push, writeRecord };
  return {
    ...bare,
    doors: { ...bare.doors, repository: carrying },
    publisher: { ...bare.publisher, repository: carrying },
  };
}
