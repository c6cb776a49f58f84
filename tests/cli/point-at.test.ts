import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orElse, fixBy, fixByHand, withNote } from '../../src/base/fix.ts';
import { displayWidth } from '../../src/base/display-width.ts';
import { helpLines } from '../../src/cli/io.ts';
import { pointAt } from '../../src/cli/point-at.ts';

const WIDE = { columns: 80, colors: false };

describe('the line of a file that something is wrong with', () => {
  it.each([
    {
      ...{ what: 'a column', text: '---\nto: [opus, gpt\n', place: { line: 2, column: 5 } },
      lines: [' 2 | to: [opus, gpt', '   |     ^'],
    },
    {
      ...{ what: 'wide signs before it', text: 'to: 名前 x', place: { line: 1, column: 8 } },
      lines: [' 1 | to: 名前 x', '   |          ^'],
    },
    {
      ...{ what: 'a tab', text: 'a:\tb', place: { line: 1, column: 3 } },
      lines: [' 1 | a: b', '   |   ^'],
    },
    {
      ...{ what: 'no column', text: '  to: opus', place: { line: 1 } },
      lines: [' 1 |   to: opus', '   |   ^^^^^^^^'],
    },
    { what: 'a line that is not there', text: 'one', place: { line: 7, column: 1 }, lines: [] },
  ])('$what', ({ text, place, lines }) => {
    expect(pointAt(WIDE, { text, ...place })).toEqual(lines);
  });

  it('lets no control code through and fits the window, with the caret below a long line', () => {
    expect(pointAt(WIDE, { text: 'a\u001b[2Jb', line: 1 })).toEqual([' 1 | a[2Jb', '   | ^^^^^']);
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300, size: 'max' }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 20, max: 100 }),
        (text, at, columns) => {
          const place = at > 200 ? { line: 1 } : { line: 1, column: at };
          for (const line of pointAt({ columns, colors: false }, { text, ...place }))
            expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});

it('help names each command once, the first after "help:"', () => {
  const both = orElse(fixBy`crosstalkd retry x`, fixBy`crosstalkd ack x`);
  expect(helpLines(WIDE, withNote(both, 'in the clone'))).toEqual([
    '  help: crosstalkd retry x',
    '        crosstalkd ack x',
    '  note: in the clone',
  ]);
  expect(helpLines(WIDE, fixByHand('install git'))).toEqual(['  help: install git']);
});
