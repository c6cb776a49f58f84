/** `crosstalkd status` for people: what needs them, then one line for what else continues. */
import { formatCommands } from '../../base/fix.ts';
import { fixOf } from '../../protocol/remedy.ts';
import { counted, sayReason } from '../../protocol/say-reason.ts';
import type { Reason } from '../../protocol/reason.ts';
import { fitWidth, wrapWidth } from '../../base/display-width.ts';
import { fixLines, type Io, paint, plain } from '../io.ts';
import { fitGroups, type Group, heightOfAll, rowsOf } from './fit-screen.ts';
import { shortId } from './short-id.ts';
import { fixOfNeed, type Need, sayNeed } from './status-needs.ts';

/** Things of one kind that are shown to people unless they ask for all; `--json` has all. */
const THINGS_MAX = 5;
const ALL = 'crosstalkd status --all';

/** What continues, in a line for each thing. */
export interface Section {
  readonly title: string;
  readonly things: readonly { readonly line: string; readonly reason?: Reason | undefined }[];
}

/** All of it, best first. */
export interface Screen {
  readonly verdict: string;
  readonly needs: readonly Need[];
  readonly sections: readonly Section[];
}

/** Prints it: as much as the window holds, or with `isAll` everything. */
export function printScreen(io: Io, screen: Screen, isAll: boolean): void {
  const { columns } = io;
  const things = isAll ? Number.POSITIVE_INFINITY : THINGS_MAX;
  const verdict = paint(io, screen.needs.length === 0 ? 'green' : 'yellow', screen.verdict);
  // The verdict, two empty lines, and the prompt that comes back.
  const rows = isAll ? Number.POSITIVE_INFINITY : io.rows - rowsOf([verdict], columns) - 3;
  const sections = sectionGroups(io, screen.sections);
  const least = rowsOf(
    sections.flatMap(({ things: [first = []] }) => first),
    columns,
  );
  const rest = (count: number): string => `… and ${counted(count, 'more thing')}: ${ALL}`;
  const needs = fitGroups(chooseForm(io, screen.needs, rows - least), {
    rows: rows - least,
    columns,
    things,
    rest,
  });
  const below = fitGroups(sections, {
    rows: rows - rowsOf(needs, columns),
    columns,
    things,
    rest,
  });
  const lines = [
    verdict,
    ...(needs.length === 0 ? [] : ['', ...needs]),
    ...(below.length === 0 ? [] : ['', ...below]),
  ];
  for (const line of lines) io.print(line);
}

/** All that is known where it fits, else two lines or one to say what each is. */
function chooseForm(io: Io, needs: readonly Need[], rows: number): readonly Group[] {
  const whole = needGroups(io, needs, wholeThing);
  if (heightOfAll(whole, io.columns) <= rows) return whole;
  const brief = needGroups(io, needs, (at, need) => briefThing(at, need, 2));
  const least = brief.map(({ things: [first = [], ...others] }) => ({
    things: [first, ...others.slice(0, 1).map(() => [''])],
  }));
  return heightOfAll(least, io.columns) <= rows
    ? brief
    : needGroups(io, needs, (at, need) => briefThing(at, need, 1));
}

/** Needs of one kind together, in the order of the first of each. */
function needGroups(
  io: Io,
  needs: readonly Need[],
  draw: (io: Io, need: Need) => readonly string[],
): readonly Group[] {
  const byKind = new Map<string, Need[]>();
  for (const need of needs) {
    const { kind } = need.reason;
    const alike = byKind.get(kind);
    if (alike === undefined) byKind.set(kind, [need]);
    else alike.push(need);
  }
  return [...byKind.values()].map((alike) => ({
    things: alike.map((need) => draw(io, need)),
    more: (count) => `… and ${count} more: ${ALL}`,
  }));
}

/** Everything that is known of it, and every command that helps. */
function wholeThing(io: Io, need: Need): readonly string[] {
  const about =
    need.count > 1
      ? [
          `  ${plain(need.about.map(shortId).join(', '))}${need.count > need.about.length ? ', …' : ''}`,
        ]
      : [];
  return [plain(sayNeed(need)), ...about, ...fixLines(io, fixOfNeed(need), '  ')];
}

/** What it is, and the command to begin with. */
function briefThing(io: Io, need: Need, lines: number): readonly string[] {
  const fix = fixOfNeed(need);
  const [command] = fix === null ? [] : formatCommands(fix);
  const note = command === undefined && fix !== null ? fix.note : null;
  return [
    ...wrapWidth(plain(sayNeed(need)), io.columns, lines),
    ...(command === undefined ? [] : [`  ${paint(io, 'cyan', plain(command))}`]),
    ...(note === null ? [] : [`  ${paint(io, 'dim', fitWidth(plain(note), io.columns - 2))}`]),
  ];
}

/** Each section next to its title, as wide as the window. */
function sectionGroups(io: Io, sections: readonly Section[]): readonly Group[] {
  const shown = sections.filter(({ things }) => things.length > 0);
  const width = Math.max(0, ...shown.map(({ title }) => title.length)) + 2;
  const indent = ' '.repeat(width);
  return shown.map(({ title, things }) => ({
    things: things.map(({ line, reason }, at) => [
      `${at === 0 ? paint(io, 'bold', title.padEnd(width)) : indent}${fitWidth(plain(line), io.columns - width)}`,
      ...(reason === undefined ? [] : fixLines(io, fixOf(reason), indent)),
    ]),
    more: (count) => `${indent}… and ${count} more: ${ALL}`,
  }));
}

/** Things that stand for the same reason, as one: `wait-1 and 5 more`. */
export function sayTogether<T>(
  all: readonly T[],
  tell: (one: T) => { readonly path: string; readonly of: string; readonly reason: Reason },
): readonly { readonly line: string }[] {
  const groups = new Map<string, { readonly first: string; count: number; readonly of: string }>();
  for (const one of all) {
    const { path, of, reason } = tell(one);
    const says = sayReason(reason);
    const group = groups.get(`${of} ${says}`);
    if (group === undefined)
      groups.set(`${of} ${says}`, { first: shortId(path), count: 1, of: `${of}: ${says}` });
    else group.count += 1;
  }
  return [...groups.values()].map(({ first, count, of }) => ({
    line: `${first}${count === 1 ? '' : ` and ${count - 1} more`} to ${of}`,
  }));
}
