/** Small things that every view uses. */
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from './api.ts';
import { type Fix as Remedy, formatCommands } from '../../base/fix.ts';
import { formatAgo, formatMoment, isSpan } from './format.ts';
import { Icon } from './icon.tsx';
import { addressOf, type Place } from './route.ts';
import { clock, goTo, say, useCell } from './state.ts';

/** A link to a place of the page: its own address, and no new load. */
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
  unsigned: 'bad',
  edited: 'warn',
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

/** What people call a state. */
export function wordOf(state: string): string {
  return WORDS[state] ?? state;
}

/** A state in a word and a colour. */
export function Pill({ state, text }: { readonly state: string; readonly text?: string }): VNode {
  return (
    <span class={`pill ${toneOf(state)}`}>
      <i />
      {text ?? wordOf(state)}
    </span>
  );
}

/** How long ago, with the moment in the tip. */
export function Ago({ atMs, inText }: { readonly atMs: number; readonly inText?: boolean }): VNode {
  const nowMs = useCell(clock);
  const words = formatAgo(atMs, Math.max(nowMs, atMs));
  return (
    <time dateTime={new Date(atMs).toISOString()} title={formatMoment(atMs)}>
      {inText === true && isSpan(nowMs - atMs) ? `${words} ago` : words}
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

/** Copies a text and confirms it. */
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
  isPage,
  children,
}: {
  readonly title: string;
  /** Nothing else is on the page. */
  readonly isPage?: boolean;
  readonly children?: ComponentChildren;
}): VNode {
  return (
    <div class="empty">
      {isPage === true ? <h1 class="empty-title">{title}</h1> : <p class="empty-title">{title}</p>}
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

/** Names with what they are, in a row. */
export function FactsRow({
  facts,
}: {
  readonly facts: readonly (readonly [string, string])[];
}): VNode {
  return (
    <dl class="facts-row">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The button that closes what it stands in. */
export function Close({ onClose }: { readonly onClose: () => void }): VNode {
  return (
    <button type="button" class="ghost" aria-label="Close" onClick={onClose}>
      <Icon name="close" />
    </button>
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
