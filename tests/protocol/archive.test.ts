import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChannelSeen, selectArchive, type StillNeeded } from '../../src/protocol/archive.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const NOTHING: StillNeeded = {
  open: new Set(),
  claimed: new Set(),
  referred: new Set(),
  closes: new Map(),
};

function seen(channel: string, more: Partial<ChannelSeen> = {}): ChannelSeen {
  return { channel, messages: 1, newestMs: 0, run: null, odd: [], ...more };
}

const channels = fc.tuple(
  ...NAMES.map((channel) =>
    fc.record({
      channel: fc.constant(channel),
      messages: fc.nat(2),
      newestMs: fc.nat(100),
      run: fc.option(
        fc.record({ ended: fc.boolean(), parent: fc.option(fc.constantFrom(...NAMES)) }),
      ),
      odd: fc.constantFrom([], [], ['link']),
    }),
  ),
);
const some = fc.uniqueArray(fc.constantFrom(...NAMES)).map((names) => new Set(names));
const needed = fc.record({
  open: some,
  claimed: some,
  referred: some,
  closes: fc
    .dictionary(fc.constantFrom(...NAMES), some)
    .map((links) => new Map(Object.entries(links))),
});
const wish = fc.record({
  channels: fc.option(fc.uniqueArray(fc.constantFrom(...NAMES, 'absent'))),
  beforeMs: fc.option(fc.nat(100)),
  runs: fc.boolean(),
});

describe('what may be archived', () => {
  it('is never open, claimed, running, referred to, or needed to close what stays', () => {
    fc.assert(
      fc.property(channels, needed, wish, (all, still, asked) => {
        const { chosen, kept } = selectArchive(all, still, asked);
        const going = new Set(chosen.map(({ channel }) => channel));
        const byName = new Map(all.map((one) => [one.channel, one]));
        for (const { channel, messages, newestMs, run, odd } of chosen) {
          expect(
            still.open.has(channel) || still.claimed.has(channel) || still.referred.has(channel),
          ).toBe(false);
          expect(messages > 0 && odd.length === 0 && run?.ended !== false).toBe(true);
          expect(byName.get(run?.parent ?? '')?.run?.ended).not.toBe(false);
          for (const other of still.closes.get(channel) ?? []) expect(going.has(other)).toBe(true);
          if (asked.channels !== null) expect(asked.channels).toContain(channel);
          else
            expect(
              (!asked.runs || run !== null) &&
                (asked.beforeMs === null || newestMs < asked.beforeMs),
            ).toBe(true);
        }
        // Anyone who was asked for by name goes or is told why not.
        for (const name of asked.channels ?? [])
          if (byName.has(name))
            expect(going.has(name) !== kept.some(({ channel }) => channel === name)).toBe(true);
      }),
    );
  });

  it('stays with its reason', () => {
    const asked = { channels: ['a'], beforeMs: null, runs: false };
    const why = (channel: ChannelSeen, still: Partial<StillNeeded> = {}): string | undefined =>
      selectArchive([channel, seen('b')], { ...NOTHING, ...still }, asked).kept[0]?.why;
    expect(why(seen('a'))).toBeUndefined();
    expect(why(seen('a', { messages: 0 }))).toMatch(/it has no messages/);
    expect(why(seen('a'), { open: new Set(['a']) })).toMatch(/waits for an answer/);
    expect(why(seen('a'), { claimed: new Set(['a']) })).toMatch(/claim/);
    expect(why(seen('a', { run: { ended: false, parent: null } }))).toMatch(/not ended/);
    expect(why(seen('a'), { referred: new Set(['a']) })).toMatch(/refers to it/);
    expect(why(seen('a', { odd: ['link'] }))).toMatch(/not a plain file/);
    expect(why(seen('a'), { closes: new Map([['a', new Set(['b'])]]) })).toMatch(
      /closes one in "b"/,
    );
  });
});
