/**
 * What `crosstalkd run` shows: one line an event, and on a terminal a last line that says how
 * things stand. Lines and footer go out in one write, so nothing flickers. Piped, it is one JSON
 * object a line.
 */
import { DAY, formatLocal, systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import type { LogRecord } from '../../base/log.ts';
import { shellWord } from '../../base/shell-word.ts';
import type { HostReport } from '../../dispatcher/host-report.ts';
import { formatLogLine } from '../../local/log-file.ts';
import { displayWidth, fitWidth } from '../../base/display-width.ts';
import { rowsOf } from '../look/fit-screen.ts';
import { type Colour, type Io, paint, plain } from '../io.ts';
import type { OutputPiece } from './keep-transcripts.ts';
import { parseTaskPath } from '../../protocol/paths.ts';
import { shortId } from '../look/short-id.ts';

export interface RunView {
  readonly show: (record: LogRecord) => void;
  /** From now on lines show who asks what: `of` gives it for the path of a message, or null. */
  readonly name: (of: (path: string) => string | null) => void;
  /** From now on these lines stand between the stream and the footer. */
  readonly list: (lines: () => readonly string[]) => void;
  /** Lines for people, above the footer; nothing when the output is not a terminal. */
  readonly say: (lines: readonly string[]) => void;
  /**
   * What an agent of this host prints, line by line above the footer, while that is switched on.
   */
  readonly overhear: (piece: OutputPiece) => void;
  /** Switches it on or off, of all agents or of those of one message; true = on. */
  readonly toggleOutput: (path?: string) => boolean;
  /**
   * Begins to keep the footer up to date. `spentUsd`: what the agents of this host have cost today
   * (UTC) before it started.
   */
  readonly follow: (report: () => HostReport, spentUsd: number) => void;
  readonly close: () => void;
}

const FOOTER_MS = 500;
/** The footer takes at most this part of the time, however much is open. */
const FOOTER_SHARE = 0.05;

/** The view for a terminal, or JSON lines when the output goes elsewhere. */
export function createRunView(io: Io, alias: () => string): RunView {
  if (!io.isTerminal)
    return {
      show: (record) => io.print(formatLogLine(record, systemClock.wallMs())),
      name: () => undefined,
      list: () => undefined,
      say: () => undefined,
      overhear: () => undefined,
      toggleOutput: () => false,
      follow: () => undefined,
      close: () => undefined,
    };
  return createTerminalView(io, alias);
}

function createTerminalView(io: Io, alias: () => string): RunView {
  const end = new AbortController();
  const spent = { day: utcDay(), usd: 0 };
  const spend = (usd: number): number => {
    const day = utcDay();
    spent.usd = (day === spent.day ? spent.usd : 0) + usd;
    spent.day = day;
    return spent.usd;
  };
  const overheard = createOverhearing(io);
  let footer = '';
  let listLines: () => readonly string[] = () => [];
  /** What stands below the last line of the stream; the cursor is at its end. */
  let below: readonly string[] = [];
  let nameOf: (path: string) => string | null = () => null;
  const redraw = (above: string): string => {
    // The window may be narrower than when they were drawn.
    const up = rowsOf(below, io.columns) - 1;
    below = footer === '' ? [] : [...listLines(), footer];
    return `\r${up > 0 ? `\u001b[${up}A` : ''}\u001b[J${above}${below.join('\n')}`;
  };
  const draw = (above: string): void => io.write(io.redraws ? redraw(above) : above);
  return {
    show: (record) => {
      const cost = record.fields['cost_usd'];
      if (typeof cost === 'number') spend(cost);
      if (record.event === 'attempt.ended')
        draw(overheard.end(text(record.fields['message']), text(record.fields['model'])));
      const line = formatEvent(io, record, { alias: alias(), nameOf });
      if (line !== null) draw(`${line}\n`);
    },
    overhear: (piece) => {
      const lines = overheard.take(piece);
      if (lines !== '') draw(lines);
    },
    toggleOutput: overheard.toggle,
    name: (of) => (nameOf = of),
    list: (lines) => {
      listLines = lines;
      if (io.redraws) draw('');
    },
    say: (lines) => draw(lines.map((line) => `${paint(io, 'dim', line)}\n`).join('')),
    follow: (report, spentUsd) => {
      spend(spentUsd);
      if (!io.redraws) return;
      void (async () => {
        while (!end.signal.aborted) {
          const startedMs = systemClock.monotonicMs();
          const next = composeFooter(io, report(), spend(0));
          const isNew = next !== footer || listLines().join('\n') !== below.slice(0, -1).join('\n');
          footer = next;
          if (isNew) draw('');
          const tookMs = systemClock.monotonicMs() - startedMs;
          await systemClock.sleep(Math.max(FOOTER_MS, tookMs / FOOTER_SHARE), end.signal);
        }
      })();
    },
    close: () => {
      end.abort();
      footer = '';
      if (io.redraws) draw('');
    },
  };
}

/** A line without an end is shown when it is this long, so that nothing is kept for ever. */
const UNFINISHED_MAX = 4_000;

/**
 * Whole lines out of the pieces of several agents at once, each under the name of its model.
 * Nothing while it is switched off.
 */
export function createOverhearing(io: Pick<Io, 'columns' | 'colors'>) {
  const unfinished = new Map<string, string>();
  /** Whose; `all`, the path of one message, or null = nobody's. */
  let heard: string | null = null;
  const format = (line: string, message: string, model: string): string => {
    const head = `${plain(model)}  ${shortId(message)} │ `;
    return `${paint(io, 'dim', head)}${fitWidth(plain(line), io.columns - displayWidth(head))}\n`;
  };
  return {
    toggle: (path = 'all'): boolean => {
      heard = heard === path ? null : path;
      unfinished.clear();
      return heard !== null;
    },
    take: ({
      model,
      message,
      text: piece,
    }: Pick<OutputPiece, 'model' | 'message' | 'text'>): string => {
      if (heard !== 'all' && heard !== message) return '';
      const whose = `${message} ${model}`;
      const lines = ((unfinished.get(whose) ?? '') + piece).split('\n');
      const rest = lines.pop() ?? '';
      const isLong = rest.length > UNFINISHED_MAX;
      unfinished.set(whose, isLong ? '' : rest);
      return [...lines, ...(isLong ? [rest] : [])]
        .map((line) => format(line, message, model))
        .join('');
    },
    /** What is left of an attempt that has ended. */
    end: (message: string, model: string): string => {
      const left = unfinished.get(`${message} ${model}`) ?? '';
      unfinished.delete(`${message} ${model}`);
      return left === '' ? '' : format(left, message, model);
    },
  };
}

function utcDay(): number {
  return Math.floor(systemClock.wallMs() / DAY);
}

/**
 * `mbp running · 2 of 4 agents · 3 waiting · $0.50 today · next poll 12s · remote ok`; said with
 * fewer words where the window is narrow.
 */
export function composeFooter(
  io: Pick<Io, 'columns' | 'colors'>,
  report: HostReport,
  usdToday: number,
): string {
  const { bus } = report;
  const isTrouble = report.halted || report.outage !== null;
  const busy = report.running.filter(({ publishing }) => !publishing).length;
  const waiting = `${report.waitingCount} waiting`;
  const unsent = report.unsent > 0 ? [`${report.unsent} unsent`] : [];
  const usd = `$${usdToday.toFixed(2)}`;
  const lookS = Math.ceil(report.nextLookMs / 1_000);
  const why = report.halted ? 'history rewritten' : `remote: ${plain(report.outage ?? '')}`;
  const look = lookS <= 0 ? 'polling' : `next poll ${lookS}s`;
  const soon = lookS <= 0 ? [] : [`${lookS}s`];
  const state = `${report.alias} ${report.state}`;
  const forms = [
    [
      state,
      `${busy} of ${report.slots} agents`,
      waiting,
      ...unsent,
      ...(usdToday > 0 ? [`${usd} today`] : []),
      ...(bus === undefined ? [] : [`bus ${bus.pushes} of ${bus.limit} pushes a minute`]),
      look,
      isTrouble ? why : 'remote ok',
    ],
    [
      state,
      `${busy}/${report.slots}`,
      waiting,
      ...unsent,
      ...(usdToday > 0 ? [usd] : []),
      ...(bus === undefined ? [] : [`bus ${bus.pushes}/${bus.limit}`]),
      ...soon,
      isTrouble ? why : 'remote ok',
    ],
  ].map((parts) => parts.join(' · '));
  const width = io.columns - 1;
  const text =
    forms.find((form) => displayWidth(form) <= width) ??
    fitParts(
      [
        ...soon,
        ...(isTrouble ? [why] : []),
        ...(report.state === 'running' ? [] : [report.state]),
        `${busy}/${report.slots}`,
        waiting,
        ...unsent,
        ...(usdToday > 0 ? [usd] : []),
        ...(isTrouble ? [] : ['ok']),
      ],
      width,
    );
  return paint(io, isTrouble ? 'yellow' : 'dim', text);
}

/** As many of the parts as fit, the first ones; one that is too long is cut, and is the last. */
function fitParts(parts: readonly string[], width: number): string {
  let text = '';
  for (const [count, part] of parts.entries()) {
    const next = count === 0 ? part : `${text} · ${part}`;
    if (displayWidth(next) > width) return count > 1 ? text : fitWidth(next, width);
    text = next;
  }
  return text;
}

type Fields = LogRecord['fields'];
/** What an event says to a person. Null = not worth a line there (it is in the log file). */
const PHRASES: Readonly<Record<string, (fields: Fields) => string | null>> = {
  'dispatcher.started': () => 'is up; Ctrl-C or "crosstalkd stop" ends it',
  'models.loaded': ({ serves }) =>
    Array.isArray(serves) && serves.length > 0
      ? `serves ${serves.join(', ')}`
      : 'serves no model: crosstalkd models',
  'message.claimed': () => null,
  'claim.lost': () => null,
  'claim.released': () => null,
  'publish.retried': () => null,
  'attempt.started': ({ attempt }) => `runs${attempt === 1 ? '' : ` (attempt ${text(attempt)})`}`,
  'attempt.ended': ({ how, duration_ms, cost_usd, reason }) =>
    `${text(how)} after ${formatDuration(Number(duration_ms))}${typeof cost_usd === 'number' ? `, $${cost_usd.toFixed(4)}` : ''}${reason === undefined ? '' : `: ${text(reason)}`}`,
  'reply.published': ({ failed }) =>
    failed === true ? 'failure reply published' : 'reply published',
  'question.asked': ({ people, question }) =>
    `asks ${text(people)} to allow something: crosstalkd show ${shortId(text(question))}`,
  'question.closed': ({ how, by }) =>
    `its question: ${text(how)}${by === null ? '' : `, by ${text(by)}`}`,
  'workflow.advanced': ({ run, commits }) =>
    `run ${text(run)} moves on${commits === 1 ? '' : ` by ${text(commits)} commits`}`,
  'remote.watched': () => 'the remote is on this machine: polled when its files change',
  'remote.reached': () => 'the remote answers again',
  'host.paused': ({ by }) => `paused by ${text(by)}: claims nothing; crosstalkd resume`,
  'host.running': () => 'takes work again',
  'host.draining': ({ by }) => `draining, asked by ${text(by)}: ends when its agents finish`,
  'dispatcher.ended': ({ why }) => `ended: ${text(why)}`,
  'message.rejected': ({ path, line, found, expected }) =>
    `rejected ${text(path)}:${text(line)}: found ${text(found)}; expected ${text(expected)} → crosstalkd lint ${shellWord(text(path))}`,
};

/** What a line shows beside its event. */
export interface Teller {
  /** This host. */
  readonly alias: string;
  /** Who asks what, for the path of a message. */
  readonly nameOf?: (path: string) => string | null;
}

/**
 * One event as one line: time, host, model, message, what happened, and for trouble what happens
 * next or what a person can do.
 */
export function formatEvent(
  io: Pick<Io, 'columns' | 'colors'>,
  record: LogRecord,
  { alias, nameOf = () => null }: Teller,
): string | null {
  const { event, fields, level } = record;
  const phrase = PHRASES[event];
  const said = phrase === undefined ? describeFields(event, fields) : phrase(fields);
  if (said === null) return null;
  const time = formatLocal(systemClock.wallMs()).slice(11);
  const model = fields['model'] === undefined ? '' : plain(text(fields['model']));
  const path = typeof fields['message'] === 'string' ? fields['message'] : null;
  const message = path === null ? '' : shownId(path);
  const asked = path === null || event !== 'attempt.started' ? null : nameOf(path);
  const colour: Colour =
    level === 'alert' ? 'red' : level === 'warning' ? 'yellow' : colourOf(fields);
  const next = fields['fix'] ?? fields['next'];
  const tail = next === undefined ? '' : ` → ${text(next)}`;
  const about = [asked === null ? model : `${model} ← ${plain(asked)}`, message]
    .filter((part) => part !== '')
    .join('  ');
  const body = oneLine(
    `${about === '' ? '' : `${about}  `}${said}${phrase === undefined ? tail : ''}`,
  );
  // Trouble is never cut: its end says what to do.
  const width =
    level === 'status'
      ? io.columns - time.length - displayWidth(alias) - 2
      : Number.POSITIVE_INFINITY;
  return `${paint(io, 'dim', time)} ${alias} ${paint(io, colour, fitWidth(body, width))}`;
}

function describeFields(event: string, fields: Fields): string {
  const rest = Object.entries(fields).filter(
    ([key]) => !['model', 'message', 'fix', 'next'].includes(key),
  );
  const words = event.replace(/[.-]/g, ' ');
  const [reason] = [fields['reason'] ?? fields['why']].filter((value) => value !== undefined);
  if (reason !== undefined) return `${words}: ${text(reason)}`;
  return rest.length === 0
    ? words
    : `${words} (${rest.map(([key, value]) => `${key} ${text(value)}`).join(', ')})`;
}

function colourOf(fields: Fields): Colour {
  if (fields['failed'] === true) return 'red';
  return 'green';
}

function text(value: Fields[string] | undefined): string {
  return Array.isArray(value) ? value.join(', ') : String(value ?? '');
}

function oneLine(value: string): string {
  return plain(value).replace(/(?<!\s)\s*\n\s*/g, ' ');
}

/** A message as a line of `run` names it: its short id; for a task its run, step and key. */
export function shownId(path: string): string {
  const task = parseTaskPath(path);
  return task === null ? shortId(path) : plain(`${task.run} ${task.step.replace(/\/one$/, '')}`);
}
