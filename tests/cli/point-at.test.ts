import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orElse, fixBy, fixByHand, withNote } from '../../src/base/fix.ts';
import { displayWidth } from '../../src/cli/display-width.ts';
import { helpLines } from '../../src/cli/io.ts';
import { pointAt } from '../../src/cli/point-at.ts';

const WIDE = { columns: 80, colors: false };

describe('the line of a file that something is wrong with', () => {
  it.each([
    [
      'a column',
      '---\nto: [opus, gpt\n',
      { line: 2, column: 5 },
      [' 2 | to: [opus, gpt', '   |     ^'],
    ],
    [
      'what was found',
      'to: opsu\n',
      { line: 1, found: '"opsu"' },
      [' 1 | to: opsu', '   |     ^^^^'],
    ],
    [
      'wide signs before it',
      'to: 名前 x',
      { line: 1, column: 8 },
      [' 1 | to: 名前 x', '   |          ^'],
    ],
    ['a tab', 'a:\tb', { line: 1, column: 3 }, [' 1 | a: b', '   |   ^']],
    ['what is not there', 'to: opus', { line: 1, found: 'no "from:"' }, [' 1 | to: opus']],
    ['a line that is not there', 'one', { line: 7, column: 1 }, []],
  ])('%s', (_, text, place, lines) => {
    expect(pointAt(WIDE, text, place)).toEqual(lines);
  });

  it('lets no control code through and fits the window, with the caret below a long line', () => {
    expect(pointAt(WIDE, 'a\u001b[2Jb', { line: 1 })).toEqual([' 1 | a[2Jb']);
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 20, max: 100 }),
        (text, column, columns) => {
          for (const line of pointAt({ columns, colors: false }, text, { line: 1, column }))
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
