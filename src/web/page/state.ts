/**
 * What the whole page shares: where it is, what the server says of it, the open dialogs, and the
 * time.
 */
import type { Fix } from '../../base/fix.ts';
import { useEffect, useState } from 'preact/hooks';
import type { Upload } from './api.ts';
import { addressOf, type Place, placeOf } from './route.ts';

/** A value that components can follow. */
export interface Cell<T> {
  readonly get: () => T;
  readonly set: (next: T) => void;
  readonly follow: (hear: () => void) => () => void;
}

export function createCell<T>(first: T): Cell<T> {
  let value = first;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set: (next) => {
      if (Object.is(next, value)) return;
      value = next;
      for (const hear of [...listeners]) hear();
    },
    follow: (hear) => {
      listeners.add(hear);
      return () => void listeners.delete(hear);
    },
  };
}

export function useCell<T>(cell: Cell<T>): T {
  const [, redraw] = useState(0);
  useEffect(() => cell.follow(() => redraw((count) => count + 1)), [cell]);
  return cell.get();
}

export const place = createCell<Place>(placeOf(location.pathname, location.search));

/** Goes to a place. `replace`: the way back leads past the place that is left. */
export function goTo(next: Place, options: { readonly replace?: boolean } = {}): void {
  const address = addressOf(next);
  if (address !== location.pathname + location.search) {
    if (options.replace === true) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
  }
  place.set(next);
}

addEventListener('popstate', () => place.set(placeOf(location.pathname, location.search)));

/** A question before something is changed that stops agents. `act`: true when it was done. */
export interface Confirmation {
  readonly title: string;
  readonly text: string;
  /** The command line that does the same. */
  readonly same: Fix;
  readonly verb: string;
  readonly act: () => Promise<boolean>;
}

export const confirmation = createCell<Confirmation | null>(null);

/** A message as it was written. `re: null` begins a conversation. */
export interface Written {
  readonly to: string;
  readonly channel: string;
  readonly subject: string;
  readonly text: string;
  readonly re: string | null;
  readonly files: readonly Upload[];
}

/** What the form for a new message begins with, as far as it was written; null = it is closed. */
export type Draft = Pick<Written, 'to' | 'channel' | 're'> & Partial<Written>;

export const draft = createCell<Draft | null>(null);
export const isHelpOpen = createCell(false);
export const isPaletteOpen = createCell(false);
export const isMenuOpen = createCell(false);
export const isLive = createCell<boolean | null>(null);

/** A word at the edge of the page that disappears after a moment. */
export const toast = createCell<string | null>(null);
let toastTimer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string): void {
  toast.set(text);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => toast.set(null), 5_000);
}

/** The time, moving on every 15 seconds: enough for "5m ago". */
export const clock = createCell(Date.now());
setInterval(() => clock.set(Date.now()), 15_000);

/** What the page shows, for its title; the frame adds the count of what needs somebody. */
export const heading = createCell('');

/** `null`: what is inside says it. */
export function useTitle(text: string | null): void {
  useEffect(() => {
    if (text !== null) heading.set(text);
  }, [text]);
}
