/** What people are called whose names git knows, in any script. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../src/protocol/message.ts';
import { isName, meantName, personName } from '../../src/protocol/names.ts';
import { speakerOf } from '../../src/protocol/who-said.ts';

describe('somebody whom git knows as', () => {
  it.each([
    ['Ada Lovelace', 'ada@example.org', 'ada-lovelace'],
    ["Shane O'Brien", 'shane@x', 'shane-o-brien'],
    ['Žofia Nováková', 'z@x', 'zofia-novakova'],
    ['Łukasz Øst', 'l@x', 'lukasz-ost'],
    ['Groß', 'g@x', 'gross'],
    ['李 雷', 'lei.li@example.org', 'lei.li'],
    ['Мария Иванова', 'maria+git@example.org', 'maria-git'],
    ['علي', 'ali@example.org', 'ali'],
    ['李 雷', '李@example.org', 'someone'],
    ['', '', 'someone'],
  ])('%s <%s> is %s', (name, email, called) => {
    expect(personName({ name, email })).toBe(called);
    const signed = { name, email };
    expect(speakerOf({ author: signed, committer: signed, authoredMs: 0 })?.name).toBe(called);
  });

  it('anything at all has a name', () => {
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
    // Whoever committed it is called something.
    ['李 雷', null],
  ])('%s is %s', (from, name) => {
    const decoded = decodeMessage(Buffer.from(`---\nfrom: ${from}\nto: echo\n---\nx\n`));
    expect(decoded).toMatchObject({ message: { fields: { from: name } } });
  });
});

it.each([
  ['Ada Lovelace', 'ada-lovelace'],
  ["José O'Neil", 'jose-o-neil'],
  ['R2_d2', 'r2_d2'],
  ['Анна Ким', 'анна ким'],
  ['ada@mbp', 'ada@mbp'],
])('somebody who types %s means %s', (text, name) => {
  expect(meantName(text)).toBe(name);
});
