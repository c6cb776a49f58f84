/**
 * The keyboard: one listener for the whole page. Nothing happens while somebody writes or a dialog
 * is open, but Escape.
 */
import { compose } from './compose.tsx';
import { cycleTheme } from './cycle-theme.ts';
import { undo } from './pending.ts';
import {
  confirmation,
  draft,
  goTo,
  isHelpOpen,
  isMenuOpen,
  isPaletteOpen,
  place,
  say,
} from './state.ts';
import { up } from './up.ts';

let waitsForG = false;
let timer: ReturnType<typeof setTimeout> | undefined;

export function listenForKeys(firstChannel: () => string): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented) return;
    const isAbove = [draft, confirmation, isHelpOpen].some((cell) => isOpen(cell.get()));
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k' && !isAbove) {
      event.preventDefault();
      isPaletteOpen.set(!isPaletteOpen.get());
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      isMenuOpen.set(false);
      if (event.target instanceof HTMLElement && isWriting(event.target)) event.target.blur();
      return;
    }
    if (isAbove || isPaletteOpen.get()) return;
    if (event.target instanceof HTMLElement && isWriting(event.target)) return;
    if (press(event.key, firstChannel)) event.preventDefault();
  });
}

function isOpen(what: unknown): boolean {
  return what !== null && what !== false;
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
    case 'z':
      return undo();
    case 'a':
    case 'd':
    case 'x':
    case 'R':
      return pressFor(key);
    default:
      return false;
  }
}

/**
 * Presses the button that a key stands for: in the row that has the focus, else the only one that
 * there is.
 */
function pressFor(key: string): boolean {
  const inside = document.activeElement?.closest('[data-row]');
  const selector = `[data-press="${key}"]`;
  const buttons = [...(inside ?? document).querySelectorAll<HTMLButtonElement>(selector)].filter(
    (button) => button.offsetParent !== null,
  );
  const [only] = buttons;
  if (buttons.length > 1) say('Choose one first, with j and k');
  else only?.click();
  return only !== undefined;
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
