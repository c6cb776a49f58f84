/** Small things that every view uses. */
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from './api.ts';
import { type Fix as Remedy, formatCommands } from '../../base/fix.ts';
import { formatAgo, formatMoment } from './format.ts';
import { addressOf, type Place } from './route.ts';
import { clock, goTo, say, useCell } from './state.ts';

const ICONS: Readonly<Record<string, string>> = {
  now: 'M3 12h4l3 7 4-14 3 7h4',
  runs: 'M6 5v4a3 3 0 0 0 3 3h6a3 3 0 0 1 3 3v4M6 5m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M18 19m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0',
  hosts: 'M5 4h14v6H5zM5 14h14v6H5zM8.500 7h.01M8.500 17h.01',
  charts: 'M4 20V10M10 20V4M16 20v-7M21 20H3',
  search: 'M10.500 17a6.500 6.500 0 1 0 0-13a6.500 6.500 0 0 0 0 13zM20 20l-4.800-4.800',
  pen: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  sun: 'M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8zM12 3v1M12 20v1M3 12h1M20 12h1M5.600 5.600l.7.7M17.700 17.700l.7.7M18.400 5.600l-.7.7M6.300 17.700l-.7.7',
  moon: 'M20 14.500A8 8 0 0 1 9.500 4a8 8 0 1 0 10.500 10.500z',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  help: 'M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500h.01M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18z',
  menu: 'M4 7h16M4 12h16M4 17h16',
  back: 'M14 6l-6 6 6 6',
  link: 'M10 14a4 4 0 0 0 5.700 0l3-3a4 4 0 0 0-5.700-5.700l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l1-1',
  reply: 'M9 8L4 12.500L9 17M4 12.500h10a6 6 0 0 1 6 6V19',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h10v10H9zM5 15V5h10',
};

export function Icon({ name }: { readonly name: string }): VNode {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={ICONS[name] ?? ''} />
    </svg>
  );
}

/** A link to a place of the page: an address of its own, and no new load. */
export function Go({
  to,
  children,
  onGo,
  ...rest
}: {
  readonly to: Place;
  readonly children: ComponentChildren;
  readonly onGo?: () => void;
  readonly class?: string;
  readonly title?: string;
  readonly row?: boolean;
  readonly current?: boolean;
}): VNode {
  return (
    <a
      href={addressOf(to)}
      class={rest.class}
      title={rest.title}
      data-row={rest.row === true ? '' : undefined}
      aria-current={rest.current === true ? 'page' : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        onGo?.();
        goTo(to);
      }}
    >
      {children}
    </a>
  );
}

const TONES: Readonly<Record<string, string>> = {
  answered: 'good',
  'by hand': 'good',
  succeeded: 'good',
  served: 'good',
  decided: 'good',
  degraded: 'warn',
  open: 'wait',
  waiting: 'wait',
  queued: 'wait',
  pending: 'quiet',
  paused: 'warn',
  draining: 'warn',
  'waiting-human': 'warn',
  running: 'live',
  compile: 'live',
  failed: 'bad',
  rejected: 'bad',
  stale: 'bad',
  silent: 'bad',
  suspect: 'bad',
  down: 'bad',
  cancelled: 'quiet',
  dropped: 'quiet',
  skipped: 'quiet',
  note: 'quiet',
  reply: 'quiet',
  stopped: 'quiet',
};

export function toneOf(state: string): string {
  return TONES[state] ?? 'quiet';
}

const WORDS: Readonly<Record<string, string>> = {
  'waiting-human': 'needs a person',
  open: 'waiting',
  compile: 'compiling',
};

/** A state in a word and a colour. */
export function Pill({ state, text }: { readonly state: string; readonly text?: string }): VNode {
  return (
    <span class={`pill ${toneOf(state)}`}>
      <i />
      {text ?? WORDS[state] ?? state}
    </span>
  );
}

/** The first letters of a name on a colour that is always the same for it. */
export function Avatar({
  name,
  small,
}: {
  readonly name: string;
  readonly small?: boolean;
}): VNode {
  return (
    <span class={`avatar hue-${hueOf(name)} ${small === true ? 'small' : ''}`} aria-hidden="true">
      {name.slice(0, 2)}
    </span>
  );
}

/** 0 to 7, by the name. */
export function hueOf(name: string): number {
  let sum = 7;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9_973;
  return sum % 8;
}

/** How long ago, with the moment in the tip. */
export function Ago({ atMs, inText }: { readonly atMs: number; readonly inText?: boolean }): VNode {
  const nowMs = useCell(clock);
  const words = formatAgo(atMs, Math.max(nowMs, atMs));
  return (
    <time dateTime={new Date(atMs).toISOString()} title={formatMoment(atMs)}>
      {inText === true && /^\d+[mhd]$/.test(words) ? `${words} ago` : words}
    </time>
  );
}

/** A command line that can be copied. */
export function Command({ text }: { readonly text: string }): VNode {
  return (
    <button type="button" class="command" title="Copy" onClick={() => copy(text, 'Command copied')}>
      <code>{text}</code>
      <Icon name="copy" />
    </button>
  );
}

/** What helps: the commands to copy, and what is said beside them. */
export function Fix({ fix }: { readonly fix: Remedy }): VNode {
  return (
    <>
      {formatCommands(fix).map((line) => (
        <Command key={line} text={line} />
      ))}
      {fix.note === null ? null : <span class="fix-says">{fix.note}</span>}
    </>
  );
}

/** Copies a text and says so. */
export function copy(text: string, word: string): void {
  navigator.clipboard.writeText(text).then(
    () => say(word),
    () => say('The browser does not allow copying'),
  );
}

/** Why there is nothing to show, and what helps. */
export function Trouble({ problem }: { readonly problem: Problem }): VNode {
  return (
    <div class="trouble" role="alert">
      <p>{problem.message}</p>
      {problem.fix === null ? null : <Fix fix={problem.fix} />}
    </div>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): VNode {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Something is asked for the first time; shown only when it takes a moment. */
export function Loading(): VNode {
  return <div class="loading" role="status" aria-label="Loading" />;
}

/** The head of a view. */
export function Head({
  title,
  about,
  children,
}: {
  readonly title: ComponentChildren;
  readonly about?: ComponentChildren;
  readonly children?: ComponentChildren;
}): VNode {
  return (
    <header class="head">
      <div class="head-text">
        <h1>{title}</h1>
        {about === undefined || about === '' ? null : <p class="about">{about}</p>}
      </div>
      {children === undefined ? null : <div class="head-tools">{children}</div>}
    </header>
  );
}

/** Choices of which one holds. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChoose,
}: {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly onChoose: (next: T) => void;
}): VNode {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([key, word]) => (
        <button key={key} type="button" aria-pressed={key === value} onClick={() => onChoose(key)}>
          {word}
        </button>
      ))}
    </div>
  );
}

/** The width of an element as it is now, in pixels. */
export function useWidth(): readonly [{ current: HTMLDivElement | null }, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

/** The first row of a table: columns of words, then columns of numbers. */
export function TableHead({
  words,
  numbers,
}: {
  readonly words: readonly string[];
  readonly numbers: readonly string[];
}): VNode {
  return (
    <thead>
      <tr>
        {words.map((word) => (
          <th scope="col" key={word}>
            {word}
          </th>
        ))}
        {numbers.map((word) => (
          <th scope="col" class="number" key={word}>
            {word}
          </th>
        ))}
      </tr>
    </thead>
  );
}
