/**
 * The list of what runs and waits that a terminal shows below the lines of `run`: which of it is
 * chosen, what a key does, and how it is drawn. Pure.
 */
import { formatDuration } from '../../base/duration.ts';
import type { HostReport } from '../../dispatcher/host-report.ts';
import { messageId } from '../../protocol/paths.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import { displayWidth, fitWidth } from '../../base/display-width.ts';
import { type Io, paint, plain } from '../io.ts';
import { shownId } from './run-view.ts';

/** One thing that runs or waits here. */
export interface ListRow {
  /** What the other commands know it by: the id of a message, or the name of a model. */
  readonly id: string;
  /** Its message; null = a model that rests. */
  readonly path: string | null;
  readonly state: 'runs' | 'waits' | 'run' | 'rests';
  readonly line: string;
  /** The end of the line, with the id, which is cut last. */
  readonly says: string;
  /** Id of the question whose answer its agent waits for; null = none. */
  readonly question: string | null;
}

/** What a person has done with the list. */
export interface RunList {
  readonly isShown: boolean;
  /** `id` of the chosen row; null = none. */
  readonly chosen: string | null;
  readonly filter: string;
  /** Keys are text of the filter. */
  readonly isTyping: boolean;
  /** What a second press of its key does. */
  readonly armed: 'cancel' | 'approve' | null;
}

export const LIST_AT_START: RunList = {
  isShown: true,
  chosen: null,
  filter: '',
  isTyping: false,
  armed: null,
};

/** What is to be done about the chosen row. */
export interface Deed {
  readonly kind: 'output' | 'why' | 'cancel' | 'approve' | 'arm-cancel' | 'arm-approve';
  readonly row: ListRow;
}

/** Everything that runs, then what waits, runs of workflows, and models that rest. */
export function listRows(
  { running, waiting, parked }: Pick<HostReport, 'running' | 'waiting' | 'parked'>,
  nameOf: (path: string) => string | null = () => null,
): readonly ListRow[] {
  const rowOf = (path: string, model: string | undefined, state: string) => {
    const asked = nameOf(path);
    const says = `${shownId(path)}  ${state}`;
    const line = `${model ?? ''}${asked === null ? '' : ` ← ${asked}`}  ${says}`;
    return { line, says, question: null };
  };
  return [
    ...running.map(({ model, message, forMs, publishing, asks }): ListRow => {
      const runs = forMs === null ? 'starts' : `runs for ${formatDuration(forMs)}`;
      const says = publishing
        ? 'is published'
        : asks == null
          ? runs
          : `asks ${asks.people.join(', ')} to allow something`;
      return {
        ...rowOf(message, model, says),
        ...{ id: messageId(message), path: message, state: 'runs' },
        question: asks?.question ?? null,
      };
    }),
    ...waiting.flatMap(({ message, model, reason, gates = [] }): readonly ListRow[] => {
      if (message === undefined) return [];
      const isRun = reason.kind === 'workflow';
      const stands = gates.length === 0 ? 'is open' : `asks people: ${gates.join(', ')}`;
      const says = isRun ? stands : `waits: ${sayReason(reason)}`;
      const state = isRun ? 'run' : 'waits';
      const id = messageId(message);
      return [{ ...rowOf(message, model, says), id, path: message, state }];
    }),
    ...parked.map(({ model, why, forMs }): ListRow => {
      const says = sayReason({ kind: 'rests', model, host: null, forMs, why });
      return { line: says, says, question: null, id: model, path: null, state: 'rests' };
    }),
  ];
}

/** What a row is about is cut before what is said of it. */
function fitRow({ line, says }: ListRow, width: number): string {
  const [whole, end] = [plain(line), plain(says)];
  const room = Math.max(ABOUT_MIN, width - displayWidth(end) - 2);
  const isWhole = displayWidth(whole) <= width || whole === end;
  return isWhole ? whole : `${fitWidth(whole.slice(0, -end.length).trimEnd(), room)}  ${end}`;
}

/** Columns in which the model and the first words of its message have room. */
const ABOUT_MIN = 24;

/** The rows that the filter leaves. */
export function filterRows({ filter }: RunList, rows: readonly ListRow[]): readonly ListRow[] {
  const wanted = filter.toLowerCase();
  return rows.filter(({ line }) => line.toLowerCase().includes(wanted));
}

/** What a key does to the list; null = not a key of the list. */
export function pressInList(
  list: RunList,
  key: string,
  rows: readonly ListRow[],
): { readonly list: RunList; readonly deed: Deed | null } | null {
  if (list.isTyping) return { list: typeFilter(list, key), deed: null };
  const shown = filterRows(list, rows);
  const at = shown.findIndex(({ id }) => id === list.chosen);
  const row = shown[at];
  const calm = { ...list, armed: null };
  const choose = (place: number) => ({
    list: { ...calm, isShown: true, chosen: shown[place]?.id ?? null },
    deed: null,
  });
  switch (key) {
    case 's':
      return { list: { ...calm, isShown: !list.isShown }, deed: null };
    case '/':
      return { list: { ...calm, isShown: true, filter: '', isTyping: true }, deed: null };
    case 'up':
    case 'k':
      return choose(Math.max(0, at - 1));
    case 'down':
    case 'j':
      return choose(Math.min(shown.length - 1, at + 1));
    case 'escape':
      return { list: { ...calm, chosen: null, filter: '' }, deed: null };
    case 'enter':
      return { list: calm, deed: deedOf(row, 'output') };
    case 'w':
      return { list: calm, deed: deedOf(row, 'why') };
    case 'c':
      return armed(list, row, 'cancel');
    case 'a':
      return armed(list, row, 'approve');
    default:
      return null;
  }
}

/** Which rows a deed is for. */
const FOR: Readonly<Record<'output' | 'why' | 'cancel' | 'approve', readonly ListRow['state'][]>> =
  {
    output: ['runs'],
    why: ['runs', 'waits', 'run', 'rests'],
    cancel: ['runs', 'waits'],
    approve: ['run'],
  };

function deedOf(row: ListRow | undefined, kind: keyof typeof FOR): Deed | null {
  if (row === undefined) return null;
  const isAsked = kind === 'approve' && row.question !== null;
  return isAsked || FOR[kind].includes(row.state) ? { kind, row } : null;
}

/** What cannot be taken back asks for its key twice. */
function armed(list: RunList, row: ListRow | undefined, kind: 'cancel' | 'approve') {
  const deed = deedOf(row, kind);
  const isSecond = deed !== null && list.armed === kind;
  return {
    list: { ...list, armed: deed === null || isSecond ? null : kind },
    deed: deed === null || isSecond ? deed : ({ ...deed, kind: `arm-${kind}` } as const),
  };
}

function typeFilter(list: RunList, key: string): RunList {
  switch (key) {
    case 'enter':
      return { ...list, isTyping: false };
    case 'escape':
      return { ...list, isTyping: false, filter: '' };
    case 'backspace':
      return { ...list, filter: Array.from(list.filter).slice(0, -1).join('') };
    default:
      return Array.from(key).length === 1 ? { ...list, filter: list.filter + plain(key) } : list;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  '\u001b[A': 'up',
  '\u001bOA': 'up',
  '\u001b[B': 'down',
  '\u001bOB': 'down',
  '\u001b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\u007f': 'backspace',
  '\b': 'backspace',
};

/** The keys of what a terminal sent, by name where they are not letters. */
export function keysOf(text: string): readonly string[] {
  const parts = text.match(/\u001b[[O][0-9;]*[A-Za-z~]|[^]/gu) ?? [];
  return parts.map((part) => NAMES[part] ?? part);
}

const ROWS_MAX = 6;
const MARKS: Readonly<Record<ListRow['state'], string>> = {
  runs: '▶',
  waits: '·',
  run: '◆',
  rests: '‖',
};

/** The list as lines, each narrower than the window; empty when there is nothing to show. */
export function drawList(
  io: Pick<Io, 'columns' | 'rows' | 'colors'>,
  list: RunList,
  rows: readonly ListRow[],
): readonly string[] {
  if (!list.isShown) return [];
  const shown = filterRows(list, rows);
  const room = Math.max(1, Math.min(ROWS_MAX, Math.floor(io.rows / 3)));
  const at = shown.findIndex(({ id }) => id === list.chosen);
  const from = Math.max(0, Math.min(at - Math.floor(room / 2), shown.length - room));
  const width = io.columns - 1;
  const lines = shown.slice(from, from + room).map((row, place) => {
    const isChosen = from + place === at;
    const line = fitWidth(
      `${isChosen ? '›' : ' '} ${MARKS[row.state]} ${fitRow(row, width - 4)}`,
      width,
    );
    return paint(io, isChosen ? 'bold' : 'dim', line);
  });
  const left = shown.length - lines.length;
  return [
    ...lines,
    ...(left > 0 ? [paint(io, 'dim', fitWidth(`    … and ${left} more`, width))] : []),
    ...(list.isTyping || list.filter !== ''
      ? [fitWidth(`/${list.filter}${list.isTyping ? '▏' : ''}`, width)]
      : []),
  ];
}
