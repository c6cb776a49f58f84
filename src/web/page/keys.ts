/**
 * The keyboard: one listener for the whole page. Nothing happens while somebody writes or a dialog
 * is open, but Escape.
 */
import { compose } from './dialogs.tsx';
import { confirmation, draft, goTo, isHelpOpen, isMenuOpen, place } from './state.ts';
import { cycleTheme } from './shell.tsx';
import { up } from './up.ts';

let waitsForG = false;
let timer: ReturnType<typeof setTimeout> | undefined;

export function listenForKeys(firstChannel: () => string): void {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === 'Escape') {
      isMenuOpen.set(false);
      if (event.target instanceof HTMLElement && isWriting(event.target)) event.target.blur();
      return;
    }
    if (draft.get() !== null || confirmation.get() !== null || isHelpOpen.get()) return;
    if (event.target instanceof HTMLElement && isWriting(event.target)) return;
    if (press(event.key, firstChannel)) event.preventDefault();
  });
}

function isWriting(target: HTMLElement): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    target.isContentEditable
  );
}

function press(key: string, firstChannel: () => string): boolean {
  if (waitsForG) {
    waitsForG = false;
    clearTimeout(timer);
    return goByKey(key, firstChannel);
  }
  switch (key) {
    case 'g':
      waitsForG = true;
      timer = setTimeout(() => (waitsForG = false), 1_500);
      return true;
    case '?':
      isHelpOpen.set(true);
      return true;
    case '/':
      if (place.get().at !== 'search') goTo({ at: 'search', query: '' });
      requestAnimationFrame(() =>
        document.querySelector<HTMLInputElement>('input[type=search]')?.focus(),
      );
      return true;
    case 'c':
      compose();
      return true;
    case 't':
      cycleTheme();
      return true;
    case 'j':
    case 'k':
      return moveRow(key === 'j' ? 1 : -1);
    case 'r': {
      const box = document.querySelector<HTMLTextAreaElement>('.reply textarea');
      box?.focus();
      return box !== null;
    }
    case 'u':
      return up();
    default:
      return false;
  }
}

function goByKey(key: string, firstChannel: () => string): boolean {
  switch (key) {
    case 'n':
      goTo({ at: 'now' });
      return true;
    case 'c':
      goTo({ at: 'channel', name: firstChannel() });
      return true;
    case 'r':
      goTo({ at: 'runs' });
      return true;
    case 'h':
      goTo({ at: 'hosts', name: null });
      return true;
    case 's':
      goTo({ at: 'charts' });
      return true;
    default:
      return false;
  }
}

function moveRow(by: number): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')].filter(
    (row) => row.offsetParent !== null,
  );
  if (rows.length === 0) return false;
  const at = rows.findIndex((row) => row === document.activeElement);
  const current = rows.findIndex((row) => row.getAttribute('aria-current') === 'page');
  const from = at >= 0 ? at : current >= 0 ? current : by > 0 ? -1 : rows.length;
  const row = rows[Math.min(rows.length - 1, Math.max(0, from + by))];
  row?.focus();
  row?.scrollIntoView({ block: 'nearest' });
  return true;
}
