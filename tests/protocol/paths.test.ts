import fc from 'fast-check';
import { decodeTime } from 'ulid';
import { describe, expect, it } from 'vitest';
import { expandAddresses, parseAddress, suggestName } from '../../src/protocol/address.ts';
import { isAlias, isChannel, isName, slugName } from '../../src/protocol/names.ts';
import {
  CHANNELS,
  claimKey,
  identityOf,
  messageId,
  newMessagePath,
  isPage,
  parseMessagePath,
  pathProblem,
  replyPath,
  resolveRe,
  ulidOf,
} from '../../src/protocol/paths.ts';

const ULID = '01JD5Q8Z7K3V9X2M4N6P8R0T1W';
const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/).filter(isName);
const channel = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
const stem = fc
  .stringMatching(/^[A-Za-z0-9äöü _-]{1,20}$/)
  .filter((text) => text.trim() !== '' && !isPage(`${text}.md`));

describe('message paths', () => {
  it('derive one reply path per recipient, and find the way back', () => {
    fc.assert(
      fc.property(
        channel,
        fc.array(stem, { minLength: 1, maxLength: 4 }),
        name,
        (inChannel, parts, recipient) => {
          const path = `data/channels/${inChannel}/${parts.join('/')}.md`;
          const reply = parseMessagePath(replyPath(path, recipient));
          expect(reply?.replyTo).toEqual({ path, recipient });
          expect(parseMessagePath(path)?.channel).toBe(inChannel);
        },
      ),
    );
  });

  it.each([
    'data/channels/A/x.md',
    'data/channels/general/CHANNEL.md',
    'data/channels/x.md',
    'data/other/general/x.md',
    'data/channels/general/x.txt',
    'data/channels/general/.x.md',
    'data/channels/general/.trash/x.md',
    'data/channels/g/../h/x.md',
    'data/channels/g/.git/x.md',
    'data/channels/g/a\u0007b.md',
    'data/channels/g/\u202egpj.md',
  ])('are not %j', (path) => {
    expect(parseMessagePath(path)).toBeNull();
  });

  it('name control codes, dots and length as problems', () => {
    expect(pathProblem('data/channels/g/a\nb.md')).toContain('control codes');
    expect(pathProblem(`data/${'x'.repeat(1_100)}.md`)).toContain('longer');
    expect(pathProblem('data/channels/g/ä.md')).toBeNull();
  });

  it.each([
    ['hello', `${CHANNELS}/general/hello.md`],
    ['talk/hello.md', `${CHANNELS}/general/talk/hello.md`],
    [`${CHANNELS}/other/x.md`, `${CHANNELS}/other/x.md`],
    [ULID.toLowerCase(), newMessagePath('general', decodeTime(ULID), ULID)],
    [`${ULID}.re.opus`, replyPath(newMessagePath('general', decodeTime(ULID), ULID), 'opus')],
  ])('are named by re: %s', (re, path) => {
    expect(resolveRe(re, `${CHANNELS}/general/answer.md`)).toBe(path);
  });

  it('carry a ULID that names the message wherever its file lies', () => {
    const path = newMessagePath('general', Date.UTC(2026, 10, 21, 6, 40, 20, 123), ULID);
    expect(path).toBe(`data/channels/general/2026/11/21/064020123Z-${ULID}.md`);
    expect(ulidOf(`064020123Z-${ULID}`)).toBe(ULID);
    expect(messageId(path)).toBe(ULID);
    const moved = parseMessagePath(`data/channels/general/elsewhere/${ULID.toLowerCase()}.md`);
    expect(moved === null ? null : identityOf(moved)).toBe(ULID);
  });

  it('are one identity for letter-case and normalisation twins, and two for other folders', () => {
    const identity = (path: string): string => identityOf(parseMessagePath(path)!);
    expect(identity('data/channels/g/Ä.md')).toBe(identity('data/channels/g/a\u0308.md'));
    expect(identity('data/channels/g/Hello.md')).toBe(identity('data/channels/g/hello.md'));
    expect(identity('data/channels/g/a/hello.md')).not.toBe(identity('data/channels/g/b/hello.md'));
  });

  it('give different keys to different work', () => {
    const parts = fc.record({ channel, identity: stem, recipient: name });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(claimKey(a)).toMatch(/^[0-9a-f]{32}$/);
        expect(claimKey(a) === claimKey(b)).toBe(
          JSON.stringify([a.channel, a.identity, a.recipient]) ===
            JSON.stringify([b.channel, b.identity, b.recipient]),
        );
      }),
    );
  });
});

describe('names and addresses', () => {
  it('refuse what would not fit a path, a ref or an address', () => {
    for (const bad of [
      '',
      'A',
      'a/b',
      '..',
      'a..b',
      '-x',
      'a b',
      'a@b',
      'x'.repeat(65),
      'a.re.b',
      'a.lock',
      'a.',
    ])
      expect(isName(bad), bad).toBe(false);
    for (const bad of ['all', 'workflow', 'a/b', '..', '-x', 'x'.repeat(300)])
      expect(isAlias(bad), bad).toBe(false);
    expect(isChannel('general') && isChannel('0b2f8a1e-7c1d-4d7e-9f6a-3c5b1d2e4f60')).toBe(true);
    expect(isChannel('Gen') || isChannel('a.b') || isChannel('')).toBe(false);
  });

  it('turn any text into a name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => isName(slugName(text, 'someone'))),
    );
    expect(slugName('Jane Dœ-Müller', 'someone')).toBe('jane-doe-muller');
  });

  it('expand to each name once, whatever the order and repetition', () => {
    const address = fc.record({ name, host: fc.option(name, { nil: null }) });
    fc.assert(
      fc.property(fc.array(address, { maxLength: 8 }), (addresses) => {
        const expanded = expandAddresses(addresses, []);
        const names = addresses.map((one) => one.name).filter((one) => one !== 'all');
        expect(expanded.map((one) => one.name)).toEqual([...new Set(names)].sort());
        expect(expandAddresses([...addresses].reverse(), [])).toEqual(expanded);
      }),
    );
    expect(expandAddresses([parseAddress('opus@a')!, parseAddress('opus@b')!], [])).toEqual([
      { name: 'opus', hosts: ['a', 'b'] },
    ]);
    expect(expandAddresses([parseAddress('opus@a')!, parseAddress('opus')!], [])).toEqual([
      { name: 'opus', hosts: null },
    ]);
    expect(expandAddresses([parseAddress('all')!], ['x', 'y']).map((one) => one.name)).toEqual([
      'x',
      'y',
    ]);
  });

  it('are suggested when one or two letters are off', () => {
    expect(suggestName('ops', ['opus', 'gemini'])).toBe('opus');
    expect(suggestName('maintianer', ['maintainer'])).toBe('maintainer');
    expect(suggestName('zebra', ['opus'])).toBeNull();
    // Half of a short name is another name.
    expect(suggestName('a', ['f'])).toBeNull();
    expect(suggestName('jobs', ['hops', 'needs'])).toBeNull();
    expect(suggestName('sever', ['server'])).toBe('server');
    expect(suggestName('opsu', ['opus'])).toBe('opus');
    expect(suggestName('STEPS', ['steps'])).toBe('steps');
    expect(suggestName('timeout', ['idle-minutes', 'timeout-minutes'])).toBe('timeout-minutes');
  });
});
