/** What people are called whose names git knows, in any script. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../src/protocol/message.ts';
import { isName } from '../../src/protocol/names.ts';
import { calledBy, decodePeople, personNamed } from '../../src/protocol/people.ts';
import { meantName, personName } from '../../src/protocol/person-name.ts';
import { speakerOf } from '../../src/protocol/who-said.ts';

describe('somebody with the git identity', () => {
  it.each([
    ['Ada Lovelace', 'ada@example.org', 'ada-lovelace'],
    ["Shane O'Brien", 'shane@x', 'shane-o-brien'],
    ['Žofia Nováková', 'z@x', 'zofia-novakova'],
    ['Łukasz Øst', 'l@x', 'lukasz-ost'],
    ['Groß', 'g@x', 'gross'],
    ['李 雷', 'lei.li@example.org', 'lei.li'],
    ['Мария Иванова', 'maria+git@example.org', 'maria-git'],
    ['علي', 'ali@example.org', 'ali'],
    ['李 雷', '李@example.org', 'li-lei'],
    ['···', '', 'someone'],
    ['', '', 'someone'],
  ])('%s <%s> is %s', (name, email, called) => {
    expect(personName({ name, email })).toBe(called);
    const signed = { name, email };
    expect(speakerOf({ author: signed, committer: signed, authoredMs: 0 })?.name).toBe(called);
  });

  it('any identity has a name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (name, email) => {
        expect(isName(personName({ name, email }))).toBe(true);
      }),
    );
  });
});

describe('from:', () => {
  it.each([
    ['Ada Lovelace', 'ada-lovelace'],
    ['Ada Lovelace <ada@example.org>', 'ada-lovelace'],
    ['李 雷 <lei@example.org>', 'lei'],
    ['李 雷', 'li-lei'],
    // Whoever committed it is called something.
    ['···', null],
  ])('%s is %s, as it is in to:', (from, name) => {
    const decoded = decodeMessage(Buffer.from(`---\nfrom: ${from}\nto: echo\n---\nx\n`));
    expect(decoded).toMatchObject({ message: { fields: { from: name } } });
    const written = decodeMessage(Buffer.from(`---\nfrom: ada\nto: '${from}'\n---\nx\n`));
    if (name === null) expect(written.kind).toBe('rejected');
    else if (!from.includes('<'))
      expect(written).toMatchObject({ message: { fields: { to: [{ name, host: null }] } } });
  });
});

it.each([
  ['Ada Lovelace', 'ada-lovelace'],
  ["José O'Neil", 'jose-o-neil'],
  ['R2_d2', 'r2_d2'],
  ['Анна Ким', 'anna-kim'],
  ['李雷', 'lilei'],
  ['李雷2', 'lilei2'],
  ['Zoë Müller', 'zoe-muller'],
  ['Zoe\u0308 Mu\u0308ller', 'zoe-muller'],
  ['محمد', 'mhmd'],
  ['علی\u200cرضا', 'lyrd'],
  ['列夫·托尔斯泰', 'liefu-tuoersitai'],
  ['🦊', 'fox'],
  ['𒀀𒀁', 'u12000-u12001'],
  ['@ada', 'ada'],
  ['op\u200cus', 'op\u200cus'],
  ['ada@mbp', 'ada@mbp'],
])('somebody who types %s means %s', (text, name) => {
  expect(meantName(text)).toBe(name);
});

it.each([
  ['Ada Lovelace', 'ada'],
  [' ADA  lovelace ', 'ada'],
  ['ada@example.org', 'ada'],
  ['Zoe\u0308', 'z'],
  ['李雷', 'll'],
  // Two are called so.
  ['Kim', null],
  ['opus', null],
])('by data/people.yaml, %s is %s', (text, name) => {
  const file = `ada: {name: Ada Lovelace, addresses: [ada@example.org]}
z: {name: Zoë}
ll: {name: 李雷}
a: {name: Kim}
b: {name: kim}
`;
  expect(personNamed(calledBy(decodePeople(file).people), text)).toBe(name);
});
