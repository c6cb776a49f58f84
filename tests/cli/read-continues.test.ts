import { expect, it } from 'vitest';
import { readContinues } from '../../src/cli/look/read-continues.ts';
import type { Surroundings } from '../../src/cli/look/look-around.ts';
import { type Capsule, formatCapsule } from '../../src/protocol/capsule.ts';
import { refNames } from '../../src/protocol/paths.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

const KEY = '0a'.repeat(16);
const REFS = refNames(true);
const capsule = (more: Partial<Capsule>): string =>
  formatCapsule({ alias: 'server', attempt: 1, text: 'half', ...more });
const before = { alias: 'laptop', attempt: 1, hasChanges: true };

it.each([
  ['nothing', null, null],
  ['no capsule', 'something else', null],
  ['that of the attempt before it', capsule({}), 'attempt 1 on server'],
  [
    'its own, begun with another',
    capsule({ attempt: 2, before }),
    'attempt 1 on laptop, with changes',
  ],
  ['its own, begun with none', capsule({ attempt: 2 }), null],
])('an attempt elsewhere beside which stands %s', async (_, text, said) => {
  const remote = createMemoryRemote();
  if (text !== null) remote.setRef(REFS.capsules + KEY, remote.record(text));
  const around = {
    session: { repository: remote.open(), refs: REFS },
    claims: new Map([[KEY, { claim: { attempt: 2 } }]]),
  } as unknown as Pick<Surroundings, 'session' | 'claims'>;
  expect(await readContinues(around, KEY)).toBe(said);
  expect(await readContinues({ ...around, claims: new Map() }, KEY)).toBeNull();
});
