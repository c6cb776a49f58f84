import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { isSameVersion, parseRemoteTraits } from '../../src/protocol/remote-traits.ts';
import { createMirror, type Pulled } from '../../src/transport/mirror.ts';
import type { Reached } from '../../src/transport/repository.ts';
import { draftOf } from '../support/git-fixture.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

const FILE = 'CROSSTALK-VERSION';

/** A mirror that stands at a tip with the version file `was` (null: without one). */
async function standing(was: string | null) {
  const repository = createMemoryRemote().open();
  const say = async (tip: Oid | null, files: Readonly<Record<string, string>>): Promise<Oid> => {
    const [commit] = await repository.buildCommits(tip, [draftOf(files)]);
    return commit!;
  };
  const first = await say(null, { 'data/x': 'x', ...(was === null ? {} : { [FILE]: was }) });
  const mirror = createMirror(repository, null);
  await mirror.pull({ tip: first, asOf: mirror.epoch() });
  return { repository, mirror, first, say };
}

function kindOf(pulled: Reached<Pulled>): string {
  return pulled.kind === 'reached' ? pulled.value.kind : pulled.kind;
}

describe('a change of the version file', () => {
  it.each([
    ['7\n', '7\ncustom-refs: no\n', 'rewritten'],
    ['7\ncustom-refs: no\n', '7\n', 'rewritten'],
    ['7\natomic-push: no\n', '7\ncustom-refs: no\n', 'rewritten'],
    [null, '7\natomic-push: no\n', 'rewritten'],
    ['7\n', '8\n', 'rewritten'],
    ['7\n', '', 'rewritten'],
    ['7\n', '7.0.0-alpha\n', 'advanced'],
    ['7\n', '7\n# a remark\n', 'advanced'],
    [null, '7\n', 'advanced'],
  ])('from %j to %j: %s', async (was, now, kind) => {
    const { mirror, first, say } = await standing(was);
    const next = await say(first, { [FILE]: now });
    expect(kindOf(await mirror.pull({ tip: next, asOf: mirror.epoch() }))).toBe(kind);
    expect(mirror.index().tip).toBe(kind === 'advanced' ? next : first);
    expect(mirror.traits()).toEqual(parseRemoteTraits(was));
  });

  it('is told also to who begins where another run left off, and stays told until it is accepted', async () => {
    const { repository, mirror, first, say } = await standing('7\n');
    const flipped = await say(first, { [FILE]: '7\ncustom-refs: no\n' });
    const buried = await say(flipped, { 'data/y': 'y' });
    const later = createMirror(repository, mirror.index());
    for (const tip of [flipped, buried])
      expect(await later.pull({ tip, asOf: later.epoch() })).toMatchObject({
        value: { descends: true, version: { was: '7\n', now: '7\ncustom-refs: no\n' } },
      });
    await later.accept(buried);
    expect(later.traits()).toEqual({ customRefs: false, atomic: true });
    expect(kindOf(await later.pull({ tip: buried, asOf: later.epoch() }))).toBe('current');
  });

  it('that is taken back before anybody accepted it is none', async () => {
    const { mirror, first, say } = await standing('7\n');
    const flipped = await say(first, { [FILE]: '7\ncustom-refs: no\n' });
    const back = await say(flipped, { [FILE]: '7\n' });
    await mirror.pull({ tip: flipped, asOf: mirror.epoch() });
    expect(kindOf(await mirror.pull({ tip: back, asOf: mirror.epoch() }))).toBe('advanced');
  });

  it('to what this program does not speak cannot be accepted', async () => {
    const { mirror, first, say } = await standing('7\n');
    const next = await say(first, { [FILE]: '99\n' });
    await expect(mirror.accept(next)).rejects.toMatchObject({ code: 'NOT_A_TRANSPORT' });
    expect(mirror.index().tip).toBe(first);
  });

  it('is a change of meaning, not of bytes', () => {
    expect(isSameVersion('99', '99')).toBe(true);
    expect(isSameVersion('99', '98')).toBe(false);
    expect(isSameVersion('7\ncustom-refs: no', '7\n custom-refs: no \n')).toBe(true);
  });
});
