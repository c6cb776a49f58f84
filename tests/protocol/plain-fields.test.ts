import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlainFields } from '../../src/protocol/plain-fields.ts';
import { readYamlMapping } from '../../src/protocol/yaml.ts';

const pieces = [
  'a',
  'Z',
  '7',
  ' ',
  ':',
  '#',
  '-',
  '"',
  "'",
  '/',
  '.',
  ',',
  '@',
  '+',
  '_',
  '~',
  '&',
  '*',
  '!',
  '|',
  '>',
  '%',
  '`',
  '?',
  '[',
  ']',
  '{',
  '}',
  '\\',
  '\t',
  'é',
  '0x1f',
  '1e3',
  'true',
  'null',
  '2026-11-21T06:40:20Z',
  'key: ',
];
const odd = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join(''));
const mild = fc
  .array(fc.constantFrom('a', 'Z', '7', ' ', ':', '.', '/', ',', '-', '#'), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join(''));
const value = fc.oneof(odd, mild);
const key = fc.constantFrom(
  'to',
  'from',
  're',
  'a-b',
  'duration_ms',
  'constructor',
  'x'.repeat(64),
  'x'.repeat(65),
  'To',
  '__proto__',
  '- to',
  'on',
  'y',
);
const line = fc
  .tuple(
    key,
    fc.constantFrom(': ', ': ', ': ', ': ', ': ', ':', ':  ', ' : '),
    value,
    fc.constantFrom('', '"'),
    fc.constantFrom('', '', '', '', ' ', '\r'),
  )
  .map(([k, colon, v, quote, end]) => k + colon + quote + v + quote + end);
const text = fc.array(line, { minLength: 1, maxLength: 3 }).map((lines) => `${lines.join('\n')}\n`);

describe('fields read without a YAML parser', () => {
  it('mean what YAML says, or are left to it', () => {
    let taken = 0;
    fc.assert(
      fc.property(text, (yaml) => {
        const plain = readPlainFields(yaml);
        if (plain === null) return;
        taken += 1;
        expect(readYamlMapping(yaml, 'text')).toEqual({ kind: 'mapping', value: plain });
      }),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  it.each([
    [
      'to: opus\nfrom: maintainer\ntimestamp: "2026-11-21T06:40:20Z"\n',
      { to: 'opus', from: 'maintainer', timestamp: '2026-11-21T06:40:20Z' },
    ],
    [
      're: data/channels/general/2026/11/21/064020123Z-01M7.md\nattempt: 1',
      { re: 'data/channels/general/2026/11/21/064020123Z-01M7.md', attempt: '1' },
    ],
    ['subject: a b:c, d', { subject: 'a b:c, d' }],
  ])('takes %j', (yaml, fields) => expect(readPlainFields(yaml)).toEqual(fields));

  it.each([
    '',
    'to:',
    'to: opus # a person',
    'to: a\nto: b',
    'to: [a, b]',
    'to: a: b',
    'to: a:',
    ' to: a',
    'to: a ',
    'to: "a\\n"',
    "to: 'a'",
    'to: é',
    'to: a\n  b',
  ])('leaves %j to the parser', (yaml) => expect(readPlainFields(yaml)).toBeNull());
});
