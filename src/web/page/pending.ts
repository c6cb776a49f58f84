/**
 * Changes that a person has asked for and can still take back: each waits a few seconds before it
 * is made. One waits at a time; a second one hurries the first.
 */
import type { Fix } from '../../base/fix.ts';
import { type Body, change, type Problem } from './api.ts';
import { createCell, say } from './state.ts';

/** What is to be changed. */
export interface Change {
  /** The command's name in the server's list, and what it takes. */
  readonly name: string;
  readonly body: Body;
  /** What happens, such as "Send to opus". */
  readonly says: string;
  /** The command line that does the same. */
  readonly same: Fix;
  /** Says how it ended, and goes where it led. */
  readonly done: (data: Readonly<Record<string, unknown>>) => string;
  /** Gives back what was written, when it is taken back or refused. */
  readonly giveBack?: () => void;
}

/** The change that waits. `isBusy`: it is being made, and cannot be taken back any more. */
export interface Pending {
  readonly change: Change;
  readonly isBusy: boolean;
}

/** Why a change was refused; it stays until somebody closes it. */
export interface Refusal {
  readonly says: string;
  readonly problem: Problem;
}

export const pending = createCell<Pending | null>(null);
export const refusal = createCell<Refusal | null>(null);

/** Time to take a change back. */
export const UNDO_MS = 6_000;

let timer: ReturnType<typeof setTimeout> | undefined;
/** Below the limit that browsers set for what is sent while a page goes. */
const KEEPALIVE_CHARS_MAX = 20_000;

/** Makes the change in a moment. */
export function plan(next: Change): void {
  void makeNow();
  refusal.set(null);
  pending.set({ change: next, isBusy: false });
  resumeUndo();
}

/** Takes back the change that waits. False when there is none. */
export function undo(): boolean {
  const waits = pending.get();
  if (waits === null || waits.isBusy) return false;
  clearTimeout(timer);
  pending.set(null);
  say('Undone: nothing was changed');
  waits.change.giveBack?.();
  return true;
}

/** The time to take it back stands still, for somebody who is about to. */
export function holdUndo(): void {
  clearTimeout(timer);
}

/** The time begins again. */
export function resumeUndo(): void {
  clearTimeout(timer);
  timer = setTimeout(() => void makeNow(), UNDO_MS);
}

/** Makes the change that waits without waiting longer. */
export async function makeNow(): Promise<void> {
  const waits = pending.get();
  if (waits === null || waits.isBusy) return;
  clearTimeout(timer);
  pending.set({ ...waits, isBusy: true });
  await make(waits.change);
  if (pending.get()?.change === waits.change) pending.set(null);
}

/** Makes a change at once. True when it was made. */
export async function make(asked: Change, keepalive = false): Promise<boolean> {
  const changed = await change(asked.name, asked.body, { keepalive });
  if (changed.kind === 'refused') {
    refusal.set({ says: asked.says, problem: changed.problem });
    asked.giveBack?.();
    return false;
  }
  say([asked.done(changed.data), ...changed.notes].join('; '));
  return true;
}

/**
 * Who leaves the page has not taken anything back: it is made on the way out, or, when it is too
 * large for that, the browser asks.
 */
addEventListener('beforeunload', (event) => {
  const waits = pending.get();
  if (waits === null || waits.isBusy) return;
  if (JSON.stringify(waits.change.body).length > KEEPALIVE_CHARS_MAX) event.preventDefault();
});
addEventListener('pagehide', () => {
  const waits = pending.get();
  if (waits === null || waits.isBusy) return;
  clearTimeout(timer);
  pending.set(null);
  void make(waits.change, true);
});
